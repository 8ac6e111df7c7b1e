/** What slows down failing authentication, as the configuration has it: in the primary, and a copy that follows in each worker. */
import type { Limits } from '../config/config.ts';
import { AuthThrottle } from '../identity/auth-throttle.ts';

export function newThrottle({ authFailureDelayMs, authFailureMaxDelayMs }: Limits): AuthThrottle {
  return new AuthThrottle({
    firstDelayMs: authFailureDelayMs,
    maxDelayMs: authFailureMaxDelayMs,
    now: () => performance.now(),
  });
}
