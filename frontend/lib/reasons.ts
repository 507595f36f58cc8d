/** Why a session ended, in plain words. */

import type { SignedOutReason } from "sealring";

/** Every end that the person in front of the page did not just ask for. */
export type EndReason = Exclude<SignedOutReason, "signed_out">;

interface End {
  title: string;
  text: string;
}

const ENDS: Record<EndReason, End> = {
  signed_out_elsewhere: {
    title: "You signed out in another tab",
    text: "To keep your list private, this tab was signed out at the same moment.",
  },
  expired_idle: {
    title: "You were away for a while",
    text: "Nobody used this session for so long that it was ended to keep your list safe.",
  },
  expired_absolute: {
    title: "Time to sign in again",
    text: "Every session ends after a fixed time, however much it is used. Yours has just reached it.",
  },
  revoked: {
    title: "This session was ended",
    text: "It was signed out from another device, or because the password was changed.",
  },
  reused: {
    title: "We signed you out to be safe",
    text:
      "An old key to this session was used a second time, which can mean that somebody copied it. " +
      "Sign in again, and change your password if you do not know why.",
  },
  inactive: {
    title: "This account is closed",
    text: "It was deleted or disabled, so its sessions have ended.",
  },
  binding_failed: {
    title: "This session belongs to another browser",
    text: "It is tied to a key that this browser does not have. Sign in to start a new one here.",
  },
  invalid: {
    title: "This session is no longer valid",
    text: "The server does not recognise it any more. Signing in again puts it right.",
  },
  unsupported: {
    title: "Your browser does not keep cookies",
    text: "Staying signed in needs them. Allow cookies for this site, then sign in again.",
  },
};

/** What to tell about the end of a session. */
export function endInWords(reason: EndReason): End {
  return ENDS[reason];
}
