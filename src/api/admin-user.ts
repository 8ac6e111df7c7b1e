/** Who asks at the admin socket, as the command says: nobody can check it, but whoever may open the socket may administer anyway. */

/** Names the user of the operating system who runs the command. */
export const ADMIN_USER_HEADER = 'x-sluice-user';

/** The name if it is one that can be recorded and sent. */
export function adminUser(name: unknown): string | undefined {
  return typeof name === 'string' && /^[\x21-\x7e]{1,64}$/.test(name) ? name : undefined;
}
