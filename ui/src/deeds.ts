// What a person can do, by button or by key: each sends an order and says so where it was refused.

import type { Affiliation, OrderRequest } from "./generated/events";
import { send } from "./orders";
import { view } from "./view.svelte";

/** Five minutes to finish something, an hour to be spared a drone show; it always ends. */
export const SHELVE_MINUTES = [5, 15, 60];

export const acknowledge = (alert: string): Promise<void> => order({ action: "acknowledge", target: alert });

export function shelve(alert: string, minutes: number): Promise<void> {
  view.shelving = null;
  return order({ action: "shelve", target: alert, minutes });
}

export const unshelve = (alert: string): Promise<void> => order({ action: "unshelve", target: alert });

export const declare = (track: string, affiliation: Affiliation): Promise<void> =>
  order({ action: "declare", target: track, affiliation });

async function order(request: OrderRequest): Promise<void> {
  view.problem = "";
  const refused = await send(request);
  if (refused) view.problem = refused;
}
