//! What the crowd found, and how it crosses from the crowd's process to ours: a line of JSON.

use std::error::Error;

use serde_json::{Value, json};

/// Everything the crowd of one act has to say.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) public: Group,
    pub(crate) private: Group,
    /// Private pages that were somebody else's.
    pub(crate) leaks: u64,
    /// How late the crowd itself was: from the time a visit was due to the time it began.
    pub(crate) late_p99_ms: f64,
    pub(crate) late_max_ms: f64,
    /// The most connections in use at once.
    pub(crate) connections: u64,
    /// The public pages over time.
    pub(crate) moments: Vec<Moment>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group {
    pub(crate) counts: Counts,
    pub(crate) latency: Latency,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) ok: u64,
    pub(crate) errors_5xx: u64,
    pub(crate) other_errors: u64,
}

/// Of the good answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) counts: Counts,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What the crowd says while it is at it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) answered: u64,
    pub(crate) errors: u64,
}

impl Counts {
    pub(crate) fn errors(&self) -> u64 {
        self.errors_5xx + self.other_errors
    }

    pub(crate) fn error_share(&self) -> f64 {
        self.errors() as f64 / self.requests.max(1) as f64
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            ok: self.ok + other.ok,
            errors_5xx: self.errors_5xx + other.errors_5xx,
            other_errors: self.other_errors + other.other_errors,
        }
    }

    fn to_json(self) -> Value {
        json!([self.requests, self.ok, self.errors_5xx, self.other_errors])
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            requests: value[0].as_u64()?,
            ok: value[1].as_u64()?,
            errors_5xx: value[2].as_u64()?,
            other_errors: value[3].as_u64()?,
        })
    }
}

impl Latency {
    fn to_json(self) -> Value {
        json!([self.p50_ms, self.p99_ms, self.p999_ms, self.max_ms])
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            p50_ms: value[0].as_f64()?,
            p99_ms: value[1].as_f64()?,
            p999_ms: value[2].as_f64()?,
            max_ms: value[3].as_f64()?,
        })
    }
}

impl Group {
    fn to_json(self) -> Value {
        json!([self.counts.to_json(), self.latency.to_json()])
    }

    fn from_json(value: &Value) -> Option<Self> {
        let counts = Counts::from_json(&value[0])?;
        Some(Self {
            counts,
            latency: Latency::from_json(&value[1])?,
        })
    }
}

impl Moment {
    fn to_json(self) -> Value {
        json!([self.counts.to_json(), self.p50_ms, self.p99_ms])
    }

    fn from_json(value: &Value) -> Option<Self> {
        let counts = Counts::from_json(&value[0])?;
        Some(Self {
            counts,
            p50_ms: value[1].as_f64()?,
            p99_ms: value[2].as_f64()?,
        })
    }
}

impl Findings {
    pub(crate) fn to_json(&self) -> Value {
        let moments: Vec<_> = self.moments.iter().map(|moment| moment.to_json()).collect();
        json!({
            "public": self.public.to_json(),
            "private": self.private.to_json(),
            "leaks": self.leaks,
            "late_p99_ms": self.late_p99_ms,
            "late_max_ms": self.late_max_ms,
            "connections": self.connections,
            "moments": moments,
        })
    }

    pub(crate) fn from_line(line: &str) -> Result<Self, Box<dyn Error>> {
        let value: Value = serde_json::from_str(line)?;
        Self::from_json(&value).ok_or_else(|| "the crowd's findings make no sense".into())
    }

    fn from_json(value: &Value) -> Option<Self> {
        let moments = value["moments"].as_array()?.iter().map(Moment::from_json);
        Some(Self {
            public: Group::from_json(&value["public"])?,
            private: Group::from_json(&value["private"])?,
            leaks: value["leaks"].as_u64()?,
            late_p99_ms: value["late_p99_ms"].as_f64()?,
            late_max_ms: value["late_max_ms"].as_f64()?,
            connections: value["connections"].as_u64()?,
            moments: moments.collect::<Option<_>>()?,
        })
    }
}

impl Progress {
    pub(crate) fn to_line(self) -> String {
        format!("so far {} {}", self.answered, self.errors)
    }

    /// None for any other line.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let (answered, errors) = line.strip_prefix("so far ")?.split_once(' ')?;
        Some(Self {
            answered: answered.parse().ok()?,
            errors: errors.parse().ok()?,
        })
    }
}
