mod client; mod history; mod plan; mod sabotage; mod simulated; mod site; mod world;
#[allow(clippy::disallowed_methods)]
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (first, n) = (args[0], args[1]);
    let start = std::time::Instant::now();
    let mut requests = 0; let mut calls = 0; let mut flights = 0; let mut bad = 0; let mut orders = 0u64;
    for seed in first..first + n {
        let history = world::run(plan::Plan::drawn(seed), Default::default());
        if n == 1 { println!("{}", history::show(&history)); }
        requests += history.requests.len(); calls += history.calls.len(); flights += history.flights.len();
        let e = history.ending.unwrap();
        orders += e.stamp.order as u64;
        if e.waiting > 0 || e.endless || history.panics.iter().any(|p| p.said.is_some()) || e.stats.flights + e.stats.waiting + e.stats.flight_bytes + e.stats.at_origin + e.stats.queued > 0 { bad += 1; if bad < 10 { println!("seed {seed}: {e:?} {:?}", history.panics); } }
    }
    println!("{:?} per seed, {requests} requests {calls} calls {flights} flights {bad} bad, events {orders}", start.elapsed() / n as u32);
}
