//! The metrics in OpenMetrics 1.0, whose histograms can carry exemplars; Prometheus' own text cannot.

use std::fmt::{self, Write as _};

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::exemplar::{Exemplar, Exemplars};

/// Writes all families; the buckets of the family `with` have exemplars.
///
/// # Errors
/// Never: it writes to a text.
pub(super) fn encode(families: &[MetricFamily], with: &str, exemplars: &Exemplars) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for family in families {
        let exemplars = (family.name() == with).then_some(exemplars);
        write_family(&mut out, family, exemplars)?;
    }
    out.push_str("# EOF\n");
    Ok(out)
}

fn write_family(out: &mut String, family: &MetricFamily, exemplars: Option<&Exemplars>) -> fmt::Result {
    let name = family.name();
    let (kind, base) = match family.get_field_type() {
        // A counter is called by its samples' name without this.
        MetricType::COUNTER => ("counter", name.strip_suffix("_total").unwrap_or(name)),
        MetricType::GAUGE => ("gauge", name),
        MetricType::HISTOGRAM => ("histogram", name),
        // There are none.
        MetricType::SUMMARY | MetricType::UNTYPED => return Ok(()),
    };
    writeln!(out, "# TYPE {base} {kind}")?;
    writeln!(out, "# HELP {base} {}", escaped(family.help()))?;
    for metric in family.get_metric() {
        let labels = labels(metric.get_label());
        match family.get_field_type() {
            MetricType::COUNTER => writeln!(
                out,
                "{base}_total{} {}",
                braced(&labels),
                metric.get_counter().get_value()
            )?,
            MetricType::GAUGE => writeln!(out, "{base}{} {}", braced(&labels), metric.get_gauge().get_value())?,
            MetricType::HISTOGRAM => write_histogram(out, base, &labels, metric, exemplars)?,
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }
    Ok(())
}

fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &str,
    metric: &Metric,
    exemplars: Option<&Exemplars>,
) -> fmt::Result {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    let finite = histogram
        .get_bucket()
        .iter()
        .filter(|bucket| bucket.upper_bound().is_finite());
    let finite = finite.map(|bucket| (format!("{:?}", bucket.upper_bound()), bucket.cumulative_count()));
    let comma = if labels.is_empty() { "" } else { "," };
    for (place, (bound, below)) in finite.chain([("+Inf".to_owned(), count)]).enumerate() {
        write!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}")?;
        let first_label = metric.get_label().first().map_or("", LabelPair::value);
        if let Some(exemplar) = exemplars.and_then(|all| all.of(first_label, place)) {
            write_exemplar(out, &exemplar)?;
        }
        out.push('\n');
    }
    writeln!(out, "{name}_sum{} {}", braced(labels), histogram.get_sample_sum())?;
    writeln!(out, "{name}_count{} {count}", braced(labels))
}

fn write_exemplar(out: &mut String, exemplar: &Exemplar) -> fmt::Result {
    let Exemplar { trace_id, seconds, at } = exemplar;
    let (secs, millis) = (at / 1_000_000_000, at / 1_000_000 % 1000);
    write!(out, " # {{trace_id=\"{trace_id}\"}} {seconds} {secs}.{millis:03}")
}

fn labels(pairs: &[LabelPair]) -> String {
    let written: Vec<String> = pairs
        .iter()
        .map(|pair| format!("{}=\"{}\"", pair.name(), escaped(pair.value())))
        .collect();
    written.join(",")
}

fn braced(labels: &str) -> String {
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

    use super::*;

    #[test]
    fn families_are_written_by_the_specification() {
        let registry = Registry::new();
        let counter = IntCounterVec::new(Opts::new("a_total", "Says \"a\"\\."), &["route"]).unwrap();
        counter.with_label_values(&["x\"y\n"]).inc_by(3);
        let gauge = IntGauge::new("b", "B.").unwrap();
        gauge.set(-4);
        let options = HistogramOpts::new("c_seconds", "C.").buckets(vec![0.5, 1.0]);
        let histogram = HistogramVec::new(options, &["route"]).unwrap();
        histogram.with_label_values(&["r"]).observe(0.75);
        histogram.with_label_values(&["r"]).observe(9.0);
        registry.register(Box::new(counter)).unwrap();
        registry.register(Box::new(gauge)).unwrap();
        registry.register(Box::new(histogram)).unwrap();
        let text = encode(&registry.gather(), "", &Exemplars::default()).unwrap();
        assert_eq!(
            text,
            "# TYPE a counter\n# HELP a Says \\\"a\\\"\\\\.\na_total{route=\"x\\\"y\\n\"} 3\n\
             # TYPE b gauge\n# HELP b B.\nb -4\n\
             # TYPE c_seconds histogram\n# HELP c_seconds C.\n\
             c_seconds_bucket{route=\"r\",le=\"0.5\"} 0\nc_seconds_bucket{route=\"r\",le=\"1.0\"} 1\n\
             c_seconds_bucket{route=\"r\",le=\"+Inf\"} 2\nc_seconds_sum{route=\"r\"} 9.75\nc_seconds_count{route=\"r\"} 2\n\
             # EOF\n"
        );
    }
}
