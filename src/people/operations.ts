import { pageOfItems } from "../fields.ts";
import { operation } from "../operation.ts";
import { pageOf, pageWish } from "../paging.ts";
import { createService } from "./create-service.ts";
import { createUser } from "./create-user.ts";
import { disableUser, enableUser } from "./enable-user.ts";
import { eraseUser } from "./erase-user.ts";
import { UserExport } from "./export-schema.ts";
import { exportUser } from "./export-user.ts";
import { findUser } from "./find.ts";
import { Member } from "./member-schema.ts";
import { selectBelongings } from "./members-store.ts";
import { resetUser } from "./reset-user.ts";
import {
  ChangedUser,
  CreatedUser,
  ErasedUser,
  ResetUser,
  ServiceCreate,
  ShownUser,
  User,
  UserCreate,
  UserList,
  UserNamed,
} from "./schema.ts";
import { selectUsers } from "./users-store.ts";

export * from "./member-operations.ts";
export * from "./role-operations.ts";

export const createUserOperation = operation({
  name: "user.create",
  summary: "Make a person, who belongs to no organization yet",
  permission: "users:manage",
  http: { method: "POST", path: "/users" },
  tx: "own",
  input: UserCreate,
  output: CreatedUser,
  told: true,
  remember: (answer) => ({ ...answer, reset_token: null }),
  run: createUser,
});

export const listUsersOperation = operation({
  name: "user.list",
  summary: "Everybody who has an account, newest first",
  permission: "users:manage",
  http: { method: "GET", path: "/users" },
  tx: "own",
  input: UserList,
  output: pageOfItems(User, "Users."),
  async run({ services }, { kind, enabled, erased, ...page }) {
    const wish = pageWish(page);
    const rows = await services.metadata.system((tx) =>
      selectUsers(tx, {
        ...wish,
        ...(kind === undefined ? {} : { kind }),
        ...(enabled === undefined ? {} : { enabled }),
        ...(erased === undefined ? {} : { erased }),
      }),
    );
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.user_id }));
  },
});

export const showUserOperation = operation({
  name: "user.show",
  summary: "One user, with the organizations that they belong to",
  permission: "users:manage",
  http: { method: "GET", path: "/users/{user}" },
  tx: "own",
  input: UserNamed,
  output: ShownUser,
  async run({ services }, { user: text }) {
    return services.metadata.system(async (tx) => {
      const user = await findUser(tx, text);
      const organizations = await selectBelongings(tx, user.user_id);
      return {
        ...user,
        organizations: organizations.map(({ org_id, slug, name, roles }) => ({ org_id, slug, name, roles })),
      };
    });
  },
});

export const disableUserOperation = operation({
  name: "user.disable",
  summary: "Keep somebody out: sessions end, keys are refused; what they own stays",
  permission: "users:manage",
  http: { method: "POST", path: "/users/{user}/disable" },
  tx: "own",
  input: UserNamed,
  output: ChangedUser,
  told: true,
  run: disableUser,
});

export const enableUserOperation = operation({
  name: "user.enable",
  summary: "Let somebody in again who was disabled",
  permission: "users:manage",
  http: { method: "POST", path: "/users/{user}/enable" },
  tx: "own",
  input: UserNamed,
  output: ChangedUser,
  told: true,
  run: enableUser,
});

export const resetUserOperation = operation({
  name: "user.reset",
  summary: "Make a token with which a person chooses a new password; the old one holds until it is used",
  permission: "users:manage",
  http: { method: "POST", path: "/users/{user}/reset" },
  tx: "own",
  input: UserNamed,
  output: ResetUser,
  told: true,
  remember: (answer) => ({ ...answer, reset_token: null }),
  run: resetUser,
});

export const eraseUserOperation = operation({
  name: "user.erase",
  summary: "Replace a person's identity by a tombstone, for good; rows that they own and the audit log stay",
  permission: "users:manage",
  http: { method: "DELETE", path: "/users/{user}" },
  tx: "own",
  input: UserNamed,
  output: ErasedUser,
  told: true,
  run: eraseUser,
});

export const exportUserOperation = operation({
  name: "user.export",
  summary: "Everything that is held about a person: `me`, or for the operator anybody",
  permission: "in_person",
  // A question that is recorded: who took what is held about whom is told to the audit log.
  http: { method: "POST", path: "/users/{user}/export" },
  tx: "own",
  repeats: false,
  input: UserNamed,
  output: UserExport,
  told: true,
  run: exportUser,
});

export const createServiceOperation = operation({
  name: "service.create",
  summary:
    "Make a service account in your organization: an account of programs, which acts through keys alone",
  permission: "members:manage",
  http: { method: "POST", path: "/services" },
  tx: "own",
  input: ServiceCreate,
  output: Member,
  told: true,
  run: createService,
});
