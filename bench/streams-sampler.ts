// Loaded before a process of the stream benchmark: a line a second of what that process keeps, after a collection.
const MIB = 2 ** 20;

export type Sample = { kept_mib: number; resident_mib: number; cpu_s: number };

setInterval(() => {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const sample: Sample = {
    kept_mib: (heapUsed + external) / MIB,
    resident_mib: rss / MIB,
    cpu_s: (user + system) / 1e6,
  };
  console.log(JSON.stringify(sample));
}, 1000).unref();
