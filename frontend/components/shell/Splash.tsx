import { Logo } from "../ui/Logo.tsx";

/** While the session is looked up: nothing but the mark, and what it is waiting for when the server does not answer. */
export function Splash({ waiting }: { waiting: boolean }) {
  return (
    <main className="splash" aria-busy="true">
      <Logo size={56} />
      <p className="muted" role="status">
        {waiting ? (
          "The server cannot be reached right now. We keep trying."
        ) : (
          <span className="sr-only">Loading</span>
        )}
      </p>
    </main>
  );
}
