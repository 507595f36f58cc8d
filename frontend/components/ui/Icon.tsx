const PATHS = {
  alert: "M12 8.5v4.5m0 3.25v.01M12 3.5l9 16H3z",
  calendar:
    "M7 3.5v3m10-3v3M4 9.5h16M5.5 5h13A1.5 1.5 0 0 1 20 6.5v12a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18.5v-12A1.5 1.5 0 0 1 5.5 5z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6.5 6.5l11 11m0-11l-11 11",
  device: "M4.5 5.5h15v10h-15zM2.5 19h19",
  flag: "M6 21V4.5m0 0c4-2.5 7 2 12-.5v9c-5 2.5-8-2-12 .5",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  phone:
    "M8 3.5h8A1.5 1.5 0 0 1 17.5 5v14a1.5 1.5 0 0 1-1.5 1.5H8A1.5 1.5 0 0 1 6.5 19V5A1.5 1.5 0 0 1 8 3.5zM11 17.5h2",
  plus: "M12 5v14m-7-7h14",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zm4.8-1.7L20 20",
  signOut:
    "M14 7V5.5A1.5 1.5 0 0 0 12.5 4h-6A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20h6a1.5 1.5 0 0 0 1.5-1.5V17m-4-5h11m0 0l-3-3m3 3l-3 3",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm0-13v1.5m0 15V21m9-9h-1.5M4.5 12H3m15.4-6.4-1.1 1.1M6.7 17.3l-1.1 1.1m12.8 0-1.1-1.1M6.7 6.7 5.6 5.6",
  trash:
    "M4.5 6.5h15m-9.5 4v6m4-6v6M9 6.5 9.5 4h5l.5 2.5m2.5 0-.8 12A1.5 1.5 0 0 1 15.2 20H8.8a1.5 1.5 0 0 1-1.5-1.5l-.8-12",
} as const;

export type IconName = keyof typeof PATHS;

/** A line icon that takes the colour and size of the text; decorative, so its meaning must stand beside it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
