import { Link } from "wouter";

import { useHeadingFocus } from "../hooks/useHeadingFocus.ts";

/** There is no page at this address. */
export function NotFoundPage() {
  const headingRef = useHeadingFocus();
  return (
    <div className="notice">
      <title>Not found · Sealring Todo</title>
      <h1 ref={headingRef} tabIndex={-1}>
        Nothing here
      </h1>
      <p className="muted">There is no page at this address.</p>
      <Link href="/" className="button button--quiet">
        To your todos
      </Link>
    </div>
  );
}
