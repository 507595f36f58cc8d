const RADIUS = 8;
const LENGTH = 2 * Math.PI * RADIUS;

/** A ring that empties as the access token grows old; `share` is what is left, 1 to 0. */
export function RingGauge({ share }: { share: number }) {
  const left = Math.min(1, Math.max(0, share));
  return (
    <svg className="gauge" viewBox="0 0 20 20" width="20" height="20" fill="none" aria-hidden="true">
      <circle className="gauge__track" cx="10" cy="10" r={RADIUS} strokeWidth="3" />
      <circle
        className="gauge__left"
        cx="10"
        cy="10"
        r={RADIUS}
        strokeWidth="3"
        strokeLinecap="round"
        strokeDasharray={`${left * LENGTH} ${LENGTH}`}
        transform="rotate(-90 10 10)"
      />
    </svg>
  );
}
