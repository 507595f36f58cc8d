import { CalmPage } from "../components/shell/CalmPage.tsx";
import { Button } from "../components/ui/Button.tsx";
import { useHeadingFocus } from "../hooks/useHeadingFocus.ts";
import { type EndReason, endInWords } from "../lib/reasons.ts";

/** Says in plain words why the session is over. */
export function SessionEndedPage({ reason, onContinue }: { reason: EndReason; onContinue: () => void }) {
  const headingRef = useHeadingFocus();
  const { title, text } = endInWords(reason);
  return (
    <CalmPage title={title} lead={text} headingRef={headingRef}>
      <Button look="primary" shape="wide" onClick={onContinue}>
        Sign in again
      </Button>
    </CalmPage>
  );
}
