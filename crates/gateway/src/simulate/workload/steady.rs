//! One request at fixed spacing: for outages that last for days, where bursts would only hide the figure.

use std::time::Duration;

use super::{Kind, Request, Workload, WorkloadFault, tokens};
use crate::config::length_of_time;

/// Reads `RATE/UNIT,DURATION,INPUT,OUTPUT`, such as `10/s,1h,500,200` or `1/5m,547d,500,200`.
pub(super) fn parse(written: &str, limit: usize) -> Result<Workload, WorkloadFault> {
    let fault = |message| WorkloadFault::Steady { written: format!("steady:{written}"), message };
    let parts: Vec<&str> = written.split(',').map(str::trim).collect();
    let [rate, duration, input, output] = parts[..] else { return Err(fault("it has not four parts")) };
    let spacing = spacing(rate).ok_or_else(|| fault("its rate is not a number of requests a `s`, `m`, `h` or `5m`"))?;
    let duration = length_of_time(duration).ok_or_else(|| fault("its duration is not a time with a unit"))?;
    let count = |text: &str| text.parse().ok().and_then(|count| tokens(count).ok());
    let input_tokens = count(input).ok_or_else(|| fault("its input is not a number of tokens"))?;
    let output_tokens = count(output).ok_or_else(|| fault("its output is not a number of tokens"))?;
    let total = (duration.as_secs_f64() / spacing).floor();
    if total < 1.0 {
        return Err(fault("it holds no request"));
    }
    let total = (total as usize).min(limit);
    // Each is placed by its number, so that roundings do not add up; half a spacing in, so that none falls on an edge.
    let request = |number: usize| Request {
        at: Duration::from_secs_f64((number as f64 + 0.5) * spacing),
        input_tokens,
        output_tokens,
        is_stream: true,
        ..Request::default()
    };
    Ok(Workload { kind: Kind::Steady, requests: (0..total).map(request).collect(), began: None, ..Workload::default() })
}

/// Seconds between two requests.
fn spacing(rate: &str) -> Option<f64> {
    let (count, unit) = rate.split_once('/')?;
    let count: f64 = count.trim().parse().ok().filter(|count: &f64| count.is_finite() && *count > 0.0)?;
    // `10/s` is `10/1s`.
    let unit = match unit.trim() {
        bare @ ("s" | "m" | "h" | "d") => length_of_time(&format!("1{bare}")),
        written => length_of_time(written),
    };
    unit.map(|unit| unit.as_secs_f64() / count).filter(|spacing| *spacing > 0.0)
}
