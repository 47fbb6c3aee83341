namespace Gateway.Load.Carriers;

/// <summary>An answer as it lies in the connection's buffer: gone once the sink returns.</summary>
internal readonly ref struct CallAnswer
{
    /// <summary>As <see cref="RetryAfterMilliseconds"/>: the server asks for no other attempt.</summary>
    public const long NeverAgain = -2;

    public CallOutcome Outcome { get; init; }

    /// <summary>HTTP's, or 0 where there is none.</summary>
    public int Status { get; init; }

    /// <summary>Head and body, as received.</summary>
    public ReadOnlySpan<byte> Raw { get; init; }

    /// <summary>What the carrier's <see cref="ICarrier.Decode"/> takes; of an error its text.</summary>
    public ReadOnlySpan<byte> Body { get; init; }

    /// <summary>Bytes at the start of <see cref="Body"/> that are a header of its own, as the binary tensor extension has it; 0 for none.</summary>
    public int BodyHeaderBytes { get; init; }

    /// <summary>Of refusals and errors: one of a few short words.</summary>
    public ReadOnlySpan<byte> Reason { get; init; }

    /// <summary>When another attempt makes sense; -1 where the server does not say, <see cref="NeverAgain"/> where it says never.</summary>
    public long RetryAfterMilliseconds { get; init; }
}
