/** Control characters as pictures: data must not move the cursor or change the terminal's title. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "␡" : "\ufffd";
  });
}
