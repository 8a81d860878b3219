//! The `doorward` program: everything is in the library.

fn main() -> std::process::ExitCode {
    doorward::cli::main()
}
