import { useAuth } from "sealring/react";
import { Link } from "wouter";

import { useSignOut } from "../../hooks/useSignOut.ts";
import type { User } from "../../lib/api-client.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";
import { Logo } from "../ui/Logo.tsx";
import { ThemeToggle } from "./ThemeToggle.tsx";

const navClass = (active: boolean) => (active ? "nav__link nav__link--here" : "nav__link");

/** The mark, the two pages, the theme, and the way out. */
export function Header() {
  const { user } = useAuth<User>();
  const { signOut, pending } = useSignOut();
  return (
    <header className="header">
      <div className="header__inner">
        <Link href="/" className="brand" aria-label="Sealring Todo, home">
          <Logo />
          <span className="header__name">Sealring Todo</span>
        </Link>
        <nav className="nav" aria-label="Pages">
          <Link href="/" className={navClass}>
            Todos
          </Link>
          <Link href="/account" className={navClass}>
            Account
          </Link>
        </nav>
        <div className="header__end">
          <ThemeToggle />
          <Button
            look="bare"
            busy={pending}
            onClick={signOut}
            title={user ? `Signed in as ${user.email}` : undefined}
          >
            <Icon name="signOut" />
            <span className="header__out">Sign out</span>
          </Button>
        </div>
      </div>
    </header>
  );
}
