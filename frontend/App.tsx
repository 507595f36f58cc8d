import { Redirect, Route, Switch } from "wouter";

import { AuthWrapper } from "./components/AuthWrapper.tsx";
import { Shell } from "./components/shell/Shell.tsx";
import { ErrorBoundary } from "./components/ui/ErrorBoundary.tsx";
import { ToastsProvider } from "./components/ui/Toasts.tsx";
import { AccountPage } from "./pages/AccountPage.tsx";
import { NotFoundPage } from "./pages/NotFoundPage.tsx";
import { TodosPage } from "./pages/TodosPage.tsx";

/** The whole application. */
export function App() {
  return (
    <ErrorBoundary>
      <ToastsProvider>
        <AuthWrapper>
          <Shell>
            <Switch>
              <Route path="/" component={TodosPage} />
              <Route path="/account" component={AccountPage} />
              {/* An account was just created: its page is the list. */}
              <Route path="/create-account">
                <Redirect to="/" replace />
              </Route>
              <Route component={NotFoundPage} />
            </Switch>
          </Shell>
        </AuthWrapper>
      </ToastsProvider>
    </ErrorBoundary>
  );
}
