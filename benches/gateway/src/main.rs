//! Measures a request through `ccr-policy serve` against the same request straight to the fake
//! upstream and through nginx as a plain keep-alive proxy: throughput, latency, CPU, memory.
//!
//! Usage: gateway-bench CCR_POLICY NGINX [--seconds N] [--rounds N] [--only WORD]

mod client;
mod process;
mod requests;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use client::{Bound, Run};
use process::{Process, free_address};
use requests::{STREAM_KNOBS, Size, template};

/// Connections of the load that CPU and throughput are measured under.
const CONNECTIONS: usize = 32;
/// Most requests of one run.
const MAX_REQUESTS: u64 = 200_000;
const KEY: &str = "sk-bench-000000000000000000000000";
const KEY_VARIABLE: &str = "CCR_BENCH_CLIENT_KEY";
const UPSTREAM_KEY_VARIABLE: &str = "CCR_BENCH_UPSTREAM_KEY";

struct Case {
    name: &'static str,
    size: Size,
    stream: bool,
    /// the model asked for at the gateway
    model: &'static str,
    /// the share of nginx's CPU that is to be reached
    target: Option<f64>,
}

const CASES: [Case; 6] = [
    Case { name: "same, 1 KB", size: Size::Small, stream: false, model: "same", target: Some(2.5) },
    Case { name: "same, 100 KB", size: Size::Large, stream: false, model: "same", target: Some(2.0) },
    Case { name: "same, stream", size: Size::Small, stream: true, model: "same-stream", target: Some(2.5) },
    Case { name: "translated, 1 KB", size: Size::Small, stream: false, model: "other", target: None },
    Case { name: "translated, 100 KB", size: Size::Large, stream: false, model: "other", target: Some(10.0) },
    Case { name: "translated, stream", size: Size::Small, stream: true, model: "other-stream", target: Some(5.0) },
];

struct Options {
    program: PathBuf,
    nginx: PathBuf,
    seconds: u64,
    rounds: usize,
    only: Option<String>,
}

fn options() -> Option<Options> {
    let mut arguments = env::args().skip(1);
    let mut options = Options {
        program: arguments.next()?.into(),
        nginx: arguments.next()?.into(),
        seconds: 3,
        rounds: 3,
        only: None,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--seconds" => options.seconds = value.parse().ok()?,
            "--rounds" => options.rounds = value.parse().ok()?,
            "--only" => options.only = Some(value),
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("usage: gateway-bench CCR_POLICY NGINX [--seconds N] [--rounds N] [--only WORD]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.and_then(|runtime| {
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(measure(&options)))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(1)
        }
    }
}

/// The three ways to the upstream.
struct Ways {
    mock: Process,
    nginx: Process,
    gateway: Process,
}

impl Ways {
    fn start(options: &Options, directory: &Path) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(&options.program);
        command.args(["mock", "--trusting", "--listen", &address.to_string()]);
        let mock = Process::start("mock", &mut command, address, &directory.join("mock.log"))?;

        let address = free_address()?;
        let configuration = directory.join("nginx.conf");
        fs::write(&configuration, nginx_configuration(directory, address, mock.address))?;
        let mut command = Command::new(&options.nginx);
        command.arg("-p").arg(directory).arg("-c").arg(&configuration);
        let nginx = Process::start("nginx", &mut command, address, &directory.join("nginx.log"))?;

        let address = free_address()?;
        // In a directory of its own: the gateway watches the one above too, where logs would stir it.
        let policy = directory.join("policies/bench");
        fs::create_dir_all(&policy)?;
        let text = include_str!("../bench.policy").replace("@UPSTREAM@", &mock.address.to_string());
        fs::write(policy.join("bench.policy"), text.replace("@KNOBS@", STREAM_KNOBS))?;
        let mut command = Command::new(&options.program);
        command.arg("serve").arg("--policy").arg(&policy).args(["--listen", &address.to_string()]);
        // nginx writes no access log either.
        command.env("RUST_LOG", "warn").env(KEY_VARIABLE, KEY).env(UPSTREAM_KEY_VARIABLE, "sk-upstream");
        let gateway = Process::start("gateway", &mut command, address, &directory.join("gateway.log"))?;
        Ok(Self { mock, nginx, gateway })
    }
}

fn nginx_configuration(directory: &Path, listen: SocketAddr, upstream: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        "daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 256k; tcp_nodelay on;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  upstream mock {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {listen};
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off;
    }}
  }}
}}
"
    )
}

/// One measurement of one way.
#[derive(Clone, Copy, Default)]
struct Figures {
    per_second: f64,
    /// of the process in the middle (of the mock, straight)
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

async fn measure(options: &Options) -> io::Result<()> {
    let directory = env::temp_dir().join(format!("ccr-policy-bench-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let outcome = measure_in(options, &directory).await;
    match &outcome {
        Ok(()) => fs::remove_dir_all(&directory)?,
        Err(_) => eprintln!("logs are in {}", directory.display()),
    }
    outcome
}

async fn measure_in(options: &Options, directory: &Path) -> io::Result<()> {
    let ways = Ways::start(options, directory)?;
    println!("| case | way | requests/s | CPU µs/request | ÷ nginx | target | p50 added µs | p99 added µs |");
    println!("|---|---|---|---|---|---|---|---|");
    for case in CASES.iter().filter(|case| options.only.as_ref().is_none_or(|word| case.name.contains(word))) {
        let mut rounds = [const { Vec::new() }; 3];
        for _ in 0..options.rounds {
            for (round, way) in rounds.iter_mut().zip([&ways.mock, &ways.nginx, &ways.gateway]) {
                round.push(figures(options, case, way).await?);
            }
        }
        let [straight, nginx, gateway] = rounds.map(|rounds| median(&rounds));
        row(case, "straight", straight, straight, None);
        row(case, "nginx", nginx, straight, Some((nginx, None)));
        row(case, "gateway", gateway, straight, Some((nginx, case.target)));
    }
    println!();
    for process in [&ways.mock, &ways.nginx, &ways.gateway] {
        let (now, most) = process.memory_mb()?;
        println!("memory of {}: {now:.0} MB at the end, {most:.0} MB at most", process.name);
    }
    Ok(())
}

async fn figures(options: &Options, case: &Case, way: &Process) -> io::Result<Figures> {
    let knobs = if case.stream { STREAM_KNOBS } else { "" };
    let model = if way.name == "gateway" { case.model.to_owned() } else { format!("mock{knobs}") };
    let template = template(way.address, &model, case.size, case.stream, KEY);
    let time = Duration::from_secs(options.seconds);
    client::run(way.address, &template, CONNECTIONS, Bound { time: time / 4, requests: MAX_REQUESTS }).await?;
    let before = way.cpu()?;
    let load = client::run(way.address, &template, CONNECTIONS, Bound { time, requests: MAX_REQUESTS }).await?;
    let cpu = way.cpu()?.saturating_sub(before);
    let alone = client::run(way.address, &template, 1, Bound { time: time / 2, requests: 5_000 }).await?;
    Ok(Figures {
        per_second: load.per_second(),
        cpu_us: cpu.as_secs_f64() * 1e6 / load.requests.max(1) as f64,
        p50_us: latency(&alone, 50),
        p99_us: latency(&alone, 99),
    })
}

fn latency(run: &Run, percent: usize) -> f64 {
    f64::from(run.percentile_us(percent))
}

/// The median of each figure by itself.
fn median(rounds: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    Figures {
        per_second: of(|figures| figures.per_second),
        cpu_us: of(|figures| figures.cpu_us),
        p50_us: of(|figures| figures.p50_us),
        p99_us: of(|figures| figures.p99_us),
    }
}

fn row(case: &Case, way: &str, figures: Figures, straight: Figures, against: Option<(Figures, Option<f64>)>) {
    let (share, target) = match against {
        None => ("".to_owned(), "".to_owned()),
        Some((nginx, target)) => (
            format!("{:.2}", figures.cpu_us / nginx.cpu_us),
            target.map_or_else(String::new, |target| format!("≤ {target}")),
        ),
    };
    println!(
        "| {} | {way} | {:.0} | {:.1} | {share} | {target} | {:.0} | {:.0} |",
        case.name,
        figures.per_second,
        figures.cpu_us,
        figures.p50_us - straight.p50_us,
        figures.p99_us - straight.p99_us,
    );
}
