export { type Auth, type AuthView, useAuth } from "./auth.js";
export { type SessionTime, useExpiresIn, useIdle } from "./countdown.js";
export { AuthProvider, type AuthProviderProps, useClient } from "./provider.js";
export { type GateProps, SignedIn, SignedOut, useSession, useUser } from "./session.js";
