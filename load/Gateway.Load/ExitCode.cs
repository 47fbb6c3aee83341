namespace Gateway.Load;

/// <summary>What the program ends with; load/README.md has the table.</summary>
internal static class ExitCode
{
    /// <summary>All went well, and every threshold was kept.</summary>
    public const int Good = 0;

    /// <summary>A threshold was not kept, or no rate holds the objective.</summary>
    public const int ThresholdFailed = 1;

    /// <summary>The command line, a scenario file or a threshold cannot be understood.</summary>
    public const int BadSettings = 2;

    /// <summary>Nothing could be measured: the server is away, or refuses the very first request.</summary>
    public const int CannotStart = 3;

    /// <summary>The client could not offer the load, so the figures say nothing about the server.</summary>
    public const int ClientIsTheLimit = 4;

    /// <summary>The server went away on the way: what was measured until then is kept.</summary>
    public const int Partial = 5;

    /// <summary>A report could not be written.</summary>
    public const int ReportFailed = 6;

    /// <summary>Answers were wrong (<c>--verify</c>).</summary>
    public const int WrongAnswers = 7;

    /// <summary>Told to stop; 128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}
