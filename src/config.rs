//! YAML to a plan, or every problem.
