import { type RefObject, useEffect, useRef } from "react";

/** Puts the focus on a page's heading when the page appears, so that keyboard and screen reader start there. */
export function useHeadingFocus(): RefObject<HTMLHeadingElement | null> {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => ref.current?.focus(), []);
  return ref;
}
