declare module 'saslprep' {
  /** RFC 4013. Throws Error for text that the profile prohibits. */
  export default function saslprep(text: string, options?: { allowUnassigned?: boolean }): string;
}
