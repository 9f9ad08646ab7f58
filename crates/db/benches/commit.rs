//! Durable single-row Writes a second from 64 tasks on SQLite, beside the same file written one commit at a time.
//! Prints the median of five interleaved rounds, since the disk's speed wanders.

use std::time::{Duration, Instant};

use db::{Database, DbError, Migration, Migrations, Query, Write};

const TASKS: usize = 64;
const ROUND: Duration = Duration::from_secs(1);
const SCHEMA: Migrations = Migrations {
    service: "bench",
    steps: &[Migration {
        name: "0001_start",
        sql: "CREATE TABLE bench_job (\n  id VARCHAR(36) NOT NULL PRIMARY KEY,\n  status VARCHAR(10) NOT NULL,\n  \
              created_ms BIGINT NOT NULL,\n  spec TEXT NOT NULL\n);\nCREATE INDEX bench_job_by_status ON bench_job (status, created_ms);\n",
    }],
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let dir = tempfile::tempdir()?;
        let db = Database::open(&format!("sqlite:{}/bench.db", dir.path().display())).await?;
        db.migrate(&[SCHEMA]).await?;
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for round in 0..5 {
            alone.push(rate(&db, 1, round).await?);
            together.push(rate(&db, TASKS, round).await?);
        }
        println!("1 task:   {:>7.0} Writes/s (median of {alone:.0?})", median(&mut alone.clone()));
        println!("{TASKS} tasks: {:>7.0} Writes/s (median of {together:.0?})", median(&mut together.clone()));
        db.close().await;
        Ok(())
    })
}

async fn rate(db: &Database, tasks: usize, round: usize) -> Result<f64, DbError> {
    let start = Instant::now();
    let tasks = (0..tasks).map(|task| tokio::spawn(insert(db.clone(), format!("{tasks}-{round}-{task}"), start)));
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += task.await.expect("a task does not panic")?;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

async fn insert(db: Database, prefix: String, start: Instant) -> Result<u32, DbError> {
    let mut done = 0;
    while start.elapsed() < ROUND {
        let row = Query::new("INSERT INTO bench_job (id, status, created_ms, spec) VALUES (?, ?, ?, ?)")
            .bind(format!("{prefix}-{done}"))
            .bind("waiting")
            .bind(i64::from(done))
            .bind("x".repeat(200));
        db.write(Write::new().step(row).event("jobs")).await?;
        done += 1;
    }
    Ok(done)
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
