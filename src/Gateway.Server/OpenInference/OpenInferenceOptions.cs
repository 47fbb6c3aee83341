namespace Gateway.Server.OpenInference;

/// <summary>Settings of the Open Inference Protocol over HTTP.</summary>
public sealed class OpenInferenceOptions
{
    /// <summary>Triton's own default of <c>--http-max-input-size</c>.</summary>
    public const long DefaultMaxInputBytes = 64L << 20;

    /// <summary>Largest size of one memory block, and so of one request.</summary>
    public const long MostMaxInputBytes = 1L << 30;

    private long _maxInputBytes = DefaultMaxInputBytes;

    /// <summary>Most bytes of one infer request, compressed and decompressed alike: 1 to 1 GiB, 64 MiB unless set.</summary>
    public long MaxInputBytes
    {
        get => _maxInputBytes;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MostMaxInputBytes);
            _maxInputBytes = value;
        }
    }

    /// <summary>Whether infer answers carry a <c>Server-Timing</c> header with the time of each stage; off unless set.</summary>
    public bool ServerTiming { get; set; }

    /// <summary>Name in the server metadata. Clients of this dialect look for Triton's, which is therefore the default.</summary>
    public string ServerName { get; set; } = "triton";

    /// <summary>Version in the server metadata.</summary>
    public string ServerVersion { get; set; } = typeof(OpenInferenceOptions).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
