/**
 * How many there may be of what costs whoever makes it nothing, and the rest of us a row, a look or a place in a list.
 * What an organization pays for in work is a quota of its own (`org settings`): people, tasks, batches.
 */
export const MOST = {
  /** Keys of one account in one organization: whoever has more does not know any longer which is which. */
  keys: 100,
  /** Service accounts of an organization. */
  services: 100,
  /** Invitations of an organization that are open at the same time. */
  invitations: 500,
  /**
   * Invitations of an organization that are used within 24 hours: each may make an account, whose name is taken for
   * good.
   */
  accepted: 200,
  /** Roles of an organization's own: lists of roles come whole. */
  roles: 100,
  /** Streams of one person, of an organization, and of one process, each of which looks at a database now and then. */
  streams: { person: 200, organization: 500, process: 2000 },
  /** Answers of rows or bytes without end under way, each of which keeps a page or a piece until it is read. */
  exports: { person: 4, organization: 20, process: 100 },
} as const;
