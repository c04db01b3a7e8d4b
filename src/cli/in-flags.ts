/** What messages call a field, and how it is said on a command line. */
const FLAGS: Record<string, string> = {
  changed: "--changed",
  cursor: "--cursor",
  days: "--days",
  exhaustiveness: "--exhaustiveness",
  expires_at: "--until",
  force: "--force",
  job_ids: "--job",
  large: "--large",
  large_box: "--large-box",
  limit: "--limit",
  max_affinity_kcal_mol: "--max-affinity",
  max_energy_eh: "--max-energy",
  max_gap_ev: "--max-gap",
  min_energy_eh: "--min-energy",
  min_gap_ev: "--min-gap",
  molecule_id: "--molecule",
  org: "--org",
  params: "--param",
  protocol_id: "--protocol",
  reference: "--around",
  "reuse: false": "--no-cache",
  site: "--site",
  solvent: "--solvent",
  stereo: "--stereo",
  template: "--from",
  vertical: "--vertical",
  "visibility: private": "--private",
};

/** What messages call an operation, and the command that asks it. */
const COMMANDS: Record<string, string> = {
  "auth.switch": "--org ORG, or `aliquot org use`",
  "batch.create": "`aliquot batch create`",
  "docking.submit": "`aliquot dock`",
  "job.logs": "`aliquot job logs`",
  "job.outputs": "`aliquot job files`",
  "job.submit": "`aliquot job submit --from`",
  "pipeline.create": "`aliquot pipeline create`",
  "pipeline.list": "`aliquot pipeline list`",
  "pipeline.publish": "`aliquot pipeline publish`",
  "protocol.list": "`aliquot protocol list`",
  "site.list": "`aliquot site list`",
};

/**
 * A message as somebody at a terminal needs it: what is asked speaks of fields and operations, in backticks, because
 * not everybody asks with commands. Anything else in backticks stays.
 */
export function inFlags(message: string): string {
  return message.replace(/`([a-z_.]+(?:: [a-z]+)?)`/g, (whole, name: string) => {
    return FLAGS[name] ?? COMMANDS[name] ?? whole;
  });
}
