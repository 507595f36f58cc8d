import { useState } from "react";
import { useAuth } from "sealring/react";
import { useLocation } from "wouter";

import { useToasts } from "../components/ui/Toasts.tsx";

/** Signs out of this browser, after what still waited for an undo was carried out. */
export function useSignOut(): { signOut: () => void; pending: boolean } {
  const { logout } = useAuth();
  const toasts = useToasts();
  const [, navigate] = useLocation();
  const [pending, setPending] = useState(false);

  const run = async () => {
    setPending(true);
    try {
      await toasts.settle();
      const told = logout();
      navigate("/");
      await told;
    } catch {
      toasts.show({
        tone: "error",
        text: "You are signed out here. The server will be told as soon as it answers.",
      });
    } finally {
      setPending(false);
    }
  };

  return {
    signOut: () => {
      if (!pending) void run();
    },
    pending,
  };
}
