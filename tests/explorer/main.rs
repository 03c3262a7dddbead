mod client; mod facts; mod history; mod promises; mod plan; mod sabotage; mod simulated; mod site; mod world;
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
        let broken = promises::broken(&history); if !broken.is_empty() { bad += 1; if bad < 25 { for b in broken { println!("seed {seed}: {}: {}", b.promise, b.how); } } }
        orders += e.stamp.order as u64;
    }
    println!("{:?} per seed, {requests} requests {calls} calls {flights} flights {bad} bad, events {orders}", start.elapsed() / n as u32);
}
