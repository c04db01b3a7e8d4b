import { pino } from "pino";

export type Logger = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** Names that never reach a log, at any depth we use: secrets and everything a structure can be read from. */
const REDACTED = [
  "password",
  "secret",
  "token",
  "key",
  "smiles",
  "inchi",
  "inchikey",
  "input_text",
  "identity_key",
];

/** JSON lines on stderr, or into a file; secrets and structures are replaced by `[redacted]`. */
export function openLogger(level: string, destination: string | 2 = 2): Logger {
  const paths = REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  return pino(
    {
      level,
      base: { pid: process.pid },
      redact: { paths, censor: "[redacted]" },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: destination, sync: true }),
  );
}

/** For commands whose user reads stderr: nothing is logged. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };
