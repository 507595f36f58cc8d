/** What the server asks of a new password, told before it is typed. */
export const PASSWORD_MIN = 12;
export const PASSWORD_HINT = `At least ${PASSWORD_MIN} characters. A few words together work well.`;
