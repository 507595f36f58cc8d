/** The mark: a wax seal with a ring and a tick in it. Decorative; the name stands beside it. */
export function Logo({ size = 30 }: { size?: number }) {
  return (
    <svg className="logo" width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <path
        className="logo__wax"
        d="M30.7 19C30.3 21.2 28.4 22.3 26.8 24.2C25.3 26.2 24.8 28.2 22.7 29.2C20.7 30.2 18.8 29.3 16.3 29.4C13.8 29.5 11.9 30.5 9.9 29.6C7.8 28.7 7.2 26.6 5.7 24.7C4.1 22.7 2.6 21.7 2 19.5C1.5 17.4 2.6 15.8 3 13.4C3.4 10.9 2.7 8.7 4 6.9C5.4 5.1 7.6 5 9.8 4C12.1 2.9 13.4 1.4 15.6 1.4C17.9 1.4 19.3 2.8 21.5 3.8C23.8 4.8 25.9 4.7 27.4 6.4C28.9 8.1 28.6 10.2 29.2 12.7C29.8 15.1 31.2 16.8 30.7 19z"
      />
      <circle className="logo__print" cx="16" cy="16" r="9.6" strokeWidth="1.7" />
      <path className="logo__print" d="M11.8 16.3l3 3 5.6-6" strokeWidth="2.6" />
    </svg>
  );
}
