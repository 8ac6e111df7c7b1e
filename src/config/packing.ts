/**
 * Plain data with secrets in it, on its way to another process or thread of the gateway: secrets travel in the clear, over nothing that
 * others can read, and are wrapped again on the other side.
 */
import { Secret } from './secret.ts';

const SECRET = 'sluice:secret';

/** @throws {TypeError} for anything but plain data, maps and secrets: it would arrive as something else */
export function pack(value: unknown): unknown {
  if (value instanceof Secret) return { [SECRET]: value.reveal() };
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, pack(one)]));
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value === 'function') throw new TypeError('a function cannot be sent to a worker');
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    throw new TypeError(`a ${value.constructor.name} cannot be sent to a worker`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, pack(one)]));
}

/** What `pack` made, as it was. */
export function unpack(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, unpack(one)]));
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.hasOwn(value, SECRET)) return new Secret((value as Record<string, string>)[SECRET]!);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unpack(one)]));
}
