import { Component, type ReactNode } from "react";

import { Button } from "./Button.tsx";

/** Keeps a fault in one component from leaving a blank page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="notice">
        <h1>Something broke on this page</h1>
        <p className="muted">Nothing you saved is lost. Reload to carry on.</p>
        <Button look="primary" onClick={() => window.location.reload()}>
          Reload
        </Button>
      </main>
    );
  }
}
