// SPDX-License-Identifier: Apache-2.0
// graphile-worker beside xuqi's engine, on the database that PGHOST, PGUSER and PGDATABASE name:
//   peer.mjs best|default SECONDS   jobs per second, as rows that left its table while two processes worked
//   peer.mjs latency COUNT          the milliseconds from add_job to its start, one a line, of jobs added one by one
// best is what its documentation gives under Performance; default is the same without the local queue and without
// jobs completed in batches.  (peer.mjs work MODE is one of the two processes.)
import { fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const CONCURRENCY = 24, PROCESSES = 2, JOBS_PER_SECOND = 60000, WARM_UP_MS = 1000, APART_MS = 10;
const quiet = new Logger(() => () => {});
const batches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };

const worker = (mode) => ({
  worker: {
    connectionString: "postgres://",
    concurrentJobs: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 1,
    ...(mode === "best" ? batches : {}),
  },
});

const start = (mode, move) => run({ preset: worker(mode), taskList: { move }, logger: quiet });

// An empty queue.
async function prepare(pool) {
  const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
  await utils.migrate();
  await utils.release();
  await pool.query("truncate graphile_worker._private_jobs");
}

// How many there are, and at which instant of the database.
async function left(pool) {
  const { rows } = await pool.query("select count(*)::int as jobs, (extract(epoch from clock_timestamp()) * 1000)::float8 as ms from graphile_worker._private_jobs");
  return rows[0];
}

async function rate(pool, mode, seconds) {
  await pool.query(`select count(*) from graphile_worker.add_jobs(array(
    select row('move', json_build_object('n', n), null, null, null, null, null, null)::graphile_worker.job_spec
    from generate_series(1, $1::int) n))`, [JOBS_PER_SECOND * (seconds + 2)]);
  await pool.query("vacuum analyze graphile_worker._private_jobs");
  const processes = Array.from({ length: PROCESSES }, () => fork(fileURLToPath(import.meta.url), ["work", mode]));
  await Promise.all(processes.map((one) => new Promise((ready) => one.once("message", ready))));
  await pause(WARM_UP_MS);
  const before = await left(pool);
  await pause(seconds * 1000);
  const after = await left(pool);
  await Promise.all(processes.map((one) => new Promise((ended) => one.once("exit", ended).kill("SIGKILL"))));
  if (after.jobs === 0) throw new Error("the queue ran dry");
  console.log(((before.jobs - after.jobs) * 1000) / (after.ms - before.ms));
}

async function latency(pool, count) {
  const started = new Map();
  const runner = await start("default", async ({ n }) => started.get(n)(process.hrtime.bigint()));
  for (let n = 0; n <= count; n++) {
    const begun = process.hrtime.bigint();
    const at = new Promise((told) => started.set(n, told));
    await pool.query("select graphile_worker.add_job('move', json_build_object('n', $1::int))", [n]);
    const ms = Number((await at) - begun) / 1e6;
    if (n > 0) console.log(ms); // the first one opens connections
    await pause(APART_MS);
  }
  await runner.stop();
}

const [mode, number] = process.argv.slice(2);
if (mode === "work") {
  await start(process.argv[3], async () => {});
  process.send("ready");
} else {
  const pool = new pg.Pool().on("error", () => {}).on("connect", (client) => client.on("error", () => {}));
  await prepare(pool);
  await (mode === "latency" ? latency(pool, Number(number)) : rate(pool, mode, Number(number)));
  await pool.end();
  process.exit(0);
}
