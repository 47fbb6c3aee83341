namespace Gateway.Core.Models.Configuration;

/// <summary>The <c>parameters</c> of a model that another server runs.</summary>
public sealed record RemoteParameters
{
    /// <summary>The platform or backend by which a configuration says that another server runs the model.</summary>
    public const string BackendName = "remote";

    /// <summary>What the name of an environment variable that holds a token begins with: a configuration cannot send any other of this process's to a server.</summary>
    public const string TokenVariablePrefix = "GATEWAY_REMOTE_";

    /// <summary>Where the server is, such as <c>http://10.0.0.5:8000</c>; a path before <c>/v2</c> is kept. <c>url</c>.</summary>
    public required Uri Url { get; init; }

    /// <summary>Whether it is called over gRPC: <c>grpc://10.0.0.5:8001</c>, or <c>grpcs</c> for TLS.</summary>
    public bool IsGrpc => Url.Scheme is "grpc" or "grpcs";

    /// <summary>The model's name there; empty for the same as here. <c>model_name</c>.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>Its version there, above 0; null for the server's choice. <c>model_version</c>.</summary>
    public long? ModelVersion { get; init; }

    /// <summary>From a batch's sending to the last byte of its answer, a second attempt included; 1 ms to a day. <c>timeout_ms</c>.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For a connection to be made. <c>connect_timeout_ms</c>.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From an attempt's start to the first byte of its answer; null for as long as <see cref="Timeout"/>. <c>first_byte_timeout_ms</c>.</summary>
    public TimeSpan? FirstByteTimeout { get; init; }

    /// <summary>The environment variable whose value goes with each request as a bearer token; null for none. <c>access_token_variable</c>.</summary>
    public string? AccessTokenVariable { get; init; }

    /// <summary>The largest answer that is read, in bytes, unless the model's own shapes make larger ones. <c>max_response_bytes</c>; by default what Triton takes for a request.</summary>
    public long MaxResponseBytes { get; init; } = 64 << 20;
}
