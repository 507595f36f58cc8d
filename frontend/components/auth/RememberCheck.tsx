/** Asks whether the session may outlive the browser window. */
export function RememberCheck() {
  return (
    <label className="check">
      <input type="checkbox" name="remember" defaultChecked />
      <span>Keep me signed in</span>
    </label>
  );
}
