/** `sluice sessions show`: asks for what a session did and shows it as it comes. */
import type { Hit } from '../search/hits.ts';
import { askLines } from './api-client.ts';
import type { CliContext, GlobalOptions } from './cli-context.ts';
import { doorOf, type GatewayOptions } from './gateway-address.ts';
import { ReplayText } from './replay-text.ts';

export type ShowOptions = GlobalOptions & GatewayOptions & { readonly follow?: true; readonly json?: true };

export async function showSession(context: CliContext, options: ShowOptions, id: string): Promise<void> {
  const { terminal } = context;
  const { address, prefix } = await doorOf(context, options);
  const text = new ReplayText(terminal.paint, terminal.width);
  const seen = new Seen();
  for (;;) {
    const query = new URLSearchParams({
      ...(options.follow ? { follow: 'true' } : {}),
      ...(seen.after === undefined ? {} : { after: String(seen.after) }),
    });
    for await (const line of askLines(
      address,
      `${prefix}/sessions/${encodeURIComponent(id)}/events?${query}`,
    )) {
      const hit = line as Hit;
      if (!seen.isNews(hit)) continue;
      if (options.json) terminal.jsonLine(hit);
      else for (const one of text.lines(hit)) terminal.out(one);
    }
    if (!options.follow || seen.isOver) return;
  }
}

/** What was shown: a request that follows begins before the first statement that has not ended. */
class Seen {
  readonly #open = new Set<number>();
  #last: number | undefined;
  #isClosed = false;

  get after(): number | undefined {
    return this.#open.size === 0 ? this.#last : Math.min(...this.#open) - 1;
  }

  get isOver(): boolean {
    return this.#isClosed;
  }

  /** False for what was shown as it is. */
  isNews({ seq, event, outcome }: Hit): boolean {
    const isEnd = this.#open.has(seq) && outcome !== undefined;
    if (isEnd) this.#open.delete(seq);
    if (this.#last !== undefined && seq <= this.#last) return isEnd;
    this.#last = seq;
    if (event.kind === 'session-closed') this.#isClosed = true;
    if (event.kind === 'statement' && event.decision === 'allow' && outcome === undefined)
      this.#open.add(seq);
    return true;
  }
}
