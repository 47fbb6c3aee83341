namespace Gateway.CommandLine;

/// <summary>What the program ends with.</summary>
internal static class ExitCode
{
    /// <summary>All went well: for a server, every accepted request was served.</summary>
    public const int Good = 0;

    /// <summary>It could not start, a check found something, or accepted requests were not served within the grace time.</summary>
    public const int Failed = 1;

    /// <summary>The command line or a setting is wrong.</summary>
    public const int BadSettings = 2;

    /// <summary>Told to stop a second time; 128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}
