import { closed } from "../fields.ts";
import { operation } from "../operation.ts";
import { changePassword } from "./change-password.ts";
import { logout } from "./logout.ts";
import { refresh } from "./refresh.ts";
import { resetPassword } from "./reset-password.ts";
import {
  ChangePassword,
  LoggedOut,
  Logout,
  PasswordChanged,
  Refresh,
  Reset,
  Session,
  SignIn,
  Switch,
  Switched,
  Whoami,
} from "./schema.ts";
import { signIn } from "./sign-in.ts";
import { switchOrg } from "./switch.ts";
import { whoami } from "./whoami.ts";

export * from "./key-operations.ts";

/*
 * Answers that hold a session's secrets are kept nowhere: these operations repeat nothing for an Idempotency-Key. What
 * they tell the audit log they place themselves: a refresh tells only of a token that came twice, as the chain is kept
 * for good and a session refreshes every few minutes.
 */

export const login = operation({
  name: "auth.login",
  summary:
    "Sign in with name and password: an access token for minutes, and a refresh token for the next ones",
  permission: "anyone",
  http: { method: "POST", path: "/auth/login" },
  tx: "own",
  repeats: false,
  input: SignIn,
  output: Session,
  told: true,
  run: signIn,
});

export const refreshSession = operation({
  name: "auth.refresh",
  summary: "The next access token of a session; the refresh token is replaced by another one",
  permission: "anyone",
  http: { method: "POST", path: "/auth/refresh" },
  tx: "own",
  repeats: false,
  input: Refresh,
  output: Session,
  told: true,
  run: (call, { refresh_token }) => refresh(call, refresh_token),
});

export const switchOrganization = operation({
  name: "auth.switch",
  summary: "Act in another of one's organizations: another access token, in the same session",
  permission: "in_person",
  http: { method: "POST", path: "/auth/switch" },
  tx: "own",
  repeats: false,
  input: Switch,
  output: Switched,
  told: true,
  run: (call, { org }) => switchOrg(call, org),
});

export const logoutSession = operation({
  name: "auth.logout",
  summary: "End this session, that of a refresh token, or all of one's sessions",
  permission: "anyone",
  http: { method: "POST", path: "/auth/logout" },
  tx: "own",
  repeats: false,
  input: Logout,
  output: LoggedOut,
  told: true,
  run: logout,
});

export const whoAmI = operation({
  name: "auth.whoami",
  summary: "Who asks, in which organization, and what they may do there",
  permission: "signed_in",
  http: { method: "GET", path: "/auth/whoami" },
  tx: "own",
  input: closed({}),
  output: Whoami,
  run: ({ services, principal }) => whoami(services, principal),
});

export const changePasswordOperation = operation({
  name: "auth.change_password",
  summary: "Choose another password, with the one that holds; one's other sessions end",
  permission: "in_person",
  http: { method: "POST", path: "/auth/change-password" },
  tx: "own",
  repeats: false,
  input: ChangePassword,
  output: PasswordChanged,
  told: true,
  run: changePassword,
});

export const resetPasswordOperation = operation({
  name: "auth.reset",
  summary:
    "Choose a password with a reset token, which works once; the person's sessions end, and their API keys",
  permission: "anyone",
  http: { method: "POST", path: "/auth/reset" },
  tx: "own",
  repeats: false,
  input: Reset,
  output: PasswordChanged,
  told: true,
  run: resetPassword,
});
