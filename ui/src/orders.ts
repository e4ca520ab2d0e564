// What a person decides, sent to the server. What it did comes back by the stream, for every screen alike.

import type { OrderAnswer, OrderRequest, Problem } from "./generated/events";

/** Send an order; returns the reason where it was refused. */
export async function send(order: OrderRequest): Promise<string | null> {
  try {
    const answer = await fetch("/api/orders", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    const body = (await answer.json()) as OrderAnswer | Problem;
    return "error" in body ? [body.error, body.hint].filter(Boolean).join(". ") : null;
  } catch {
    return "the server cannot be reached; nothing was sent";
  }
}
