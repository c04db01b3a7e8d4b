import { operation } from "../operation.ts";
import { deleteOrg } from "./delete.ts";
import { resumeOrg } from "./resume.ts";
import { rotateOrg } from "./rotate.ts";
import { OrgCredentials, OrgDelete, OrgLife, OrgNamed } from "./schema.ts";
import { OrgConfigure, OrgSettings } from "./setting-keys.ts";
import { configureOrg, showSettings } from "./settings.ts";
import { suspendOrg } from "./suspend.ts";

export const showSettingsOperation = operation({
  name: "org.settings",
  summary: "Quotas and settings of one organization, with their defaults",
  permission: "orgs:read",
  http: { method: "GET", path: "/orgs/{org}/settings" },
  tx: "own",
  input: OrgNamed,
  output: OrgSettings,
  run: showSettings,
});

export const configureOrgOperation = operation({
  name: "org.configure",
  summary: "Set or take back settings of one organization; quotas are the operator's to set",
  permission: "orgs:manage",
  http: { method: "PATCH", path: "/orgs/{org}/settings" },
  tx: "own",
  input: OrgConfigure,
  output: OrgSettings,
  told: true,
  run: (call, input) => configureOrg(call, input as Parameters<typeof configureOrg>[1]),
});

export const suspendOrgOperation = operation({
  name: "org.suspend",
  summary: "Suspend an organization: nothing new begins; reading goes on, and what runs is recorded",
  permission: "orgs:operate",
  http: { method: "POST", path: "/orgs/{org}/suspend" },
  tx: "own",
  input: OrgNamed,
  output: OrgLife,
  told: true,
  run: suspendOrg,
});

export const resumeOrgOperation = operation({
  name: "org.resume",
  summary: "Resume a suspended organization, or within its grace a deleted one",
  permission: "orgs:delete",
  http: { method: "POST", path: "/orgs/{org}/resume" },
  tx: "own",
  input: OrgNamed,
  output: OrgLife,
  told: true,
  run: resumeOrg,
});

export const deleteOrgOperation = operation({
  name: "org.delete",
  summary: "Delete an organization with its database, after a grace in which it can be taken back",
  permission: "orgs:delete",
  http: { method: "DELETE", path: "/orgs/{org}" },
  tx: "own",
  input: OrgDelete,
  output: OrgLife,
  told: true,
  run: deleteOrg,
});

export const rotateCredentialsOperation = operation({
  name: "org.rotate_credentials",
  summary: "Give the login of an organization's database a new derived password",
  permission: "orgs:operate",
  http: { method: "POST", path: "/orgs/{org}/credentials" },
  tx: "own",
  input: OrgNamed,
  output: OrgCredentials,
  told: true,
  run: rotateOrg,
});
