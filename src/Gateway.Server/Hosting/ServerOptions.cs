using System.Net;
using Gateway.Core.Models.Repository;
using Gateway.Server.Grpc;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Tenants;

namespace Gateway.Server.Hosting;

/// <summary>The server's settings. Each is a flag, an entry of the <c>Gateway</c> section of <c>appsettings.json</c>, and an environment variable <c>GATEWAY__NAME</c>.</summary>
/// <remarks>Immutable once read. The attributes are the documentation: <c>--help</c> and the errors are made from them, and from the defaults here.</remarks>
public sealed record ServerOptions
{
    /// <summary>Where the sample models are, seen from the repository's root.</summary>
    public const string DefaultRepository = "config/model-repository";

    [Setting("--model-repository", "Folder with models in Triton's layout; may be given more than once. Without it: " + DefaultRepository + ", here or beside the program.")]
    public IReadOnlyList<string> ModelRepository { get; init; } = [];

    [Setting("--http-port", "Port for HTTP/1.1 and HTTP/2; 0 picks a free one.", Maximum = IPEndPoint.MaxPort)]
    public int HttpPort { get; init; } = 8000;

    [Setting("--http-address", "Address to listen on; 0.0.0.0 and [::] are all interfaces.")]
    public IPAddress HttpAddress { get; init; } = IPAddress.Loopback;

    [Setting("--allow-grpc", "Whether to serve gRPC.")]
    public bool AllowGrpc { get; init; } = true;

    [Setting("--grpc-port", "Port for gRPC; 0 picks a free one.", Maximum = IPEndPoint.MaxPort)]
    public int GrpcPort { get; init; } = 8001;

    [Setting("--grpc-address", "Address to serve gRPC on; without it, the HTTP address.")]
    public IPAddress? GrpcAddress { get; init; }

    // Triton's is what a gRPC message can have, 2 GiB; no request can be larger than a block of memory.
    [Setting("--grpc-max-input-size", "Largest gRPC message, in bytes, as sent and as decompressed.", Minimum = 1, Maximum = GrpcOptions.MostMessageBytes)]
    public long GrpcMaxInputSize { get; init; } = GrpcOptions.MostMessageBytes;

    [Setting("--grpc-infer-response-compression-level", "How much effort goes into compressing answers to inferences over gRPC, for clients that take them so.")]
    public ResponseCompression GrpcInferResponseCompressionLevel { get; init; }

    [Setting("--grpc-keepalive-time", "Milliseconds of silence after which a gRPC connection is pinged.", Minimum = 1000)]
    public int GrpcKeepaliveTime { get; init; } = 7_200_000;

    [Setting("--grpc-keepalive-timeout", "Milliseconds in which a pinged gRPC client has to answer; then its connection is closed.", Minimum = 1000)]
    public int GrpcKeepaliveTimeout { get; init; } = 20_000;

    [Setting("--grpc-use-ssl", "Whether gRPC is served over TLS alone, whatever the other ports do.")]
    public bool GrpcUseSsl { get; init; }

    [Setting("--grpc-server-cert", "With --grpc-use-ssl: PEM file with the certificate for gRPC and its chain; without it, that of --tls-certificate.")]
    public string? GrpcServerCert { get; init; }

    [Setting("--grpc-server-key", "PEM file with that certificate's private key; without it, the certificate's own file has the key.")]
    public string? GrpcServerKey { get; init; }

    [Setting("--allow-frames", "Whether to serve MessagePack frames.")]
    public bool AllowFrames { get; init; } = true;

    [Setting("--frames-port", "Port for MessagePack frames; 0 picks a free one.", Maximum = IPEndPoint.MaxPort)]
    public int FramesPort { get; init; } = 8003;

    [Setting("--frames-address", "Address to serve frames on; without it, the HTTP address.")]
    public IPAddress? FramesAddress { get; init; }

    [Setting("--frames-socket", "Path of a Unix domain socket to serve frames on as well.")]
    public string? FramesSocket { get; init; }

    [Setting("--tls-certificate", "PEM file with the server's certificate and its chain; with it, HTTP, gRPC and frames over TCP are served over TLS alone.")]
    public string? TlsCertificate { get; init; }

    [Setting("--tls-key", "PEM file with the certificate's private key; without it, the certificate's own file has the key.")]
    public string? TlsKey { get; init; }

    [Setting("--access-token", "What clients have to show, as 'Authorization: Bearer', in gRPC's metadata likewise, or in a frame connection's hello; health and metrics are told to anybody. Others on the machine can see flags: rather set the environment variable.")]
    public string? AccessToken { get; init; }

    [Setting("--allow-metrics", "Whether to serve metrics.")]
    public bool AllowMetrics { get; init; } = true;

    [Setting("--metrics-port", "Port for metrics; 0 picks a free one.", Maximum = IPEndPoint.MaxPort)]
    public int MetricsPort { get; init; } = 8002;

    [Setting("--metrics-address", "Address to serve metrics on; without it, the HTTP address.")]
    public IPAddress? MetricsAddress { get; init; }

    [Setting("--model-control-mode", "When models are loaded: none loads all at start, poll also watches the repositories for changes, explicit loads and unloads on request.")]
    public ModelControlMode ModelControlMode { get; init; } = ModelControlMode.None;

    [Setting("--repository-poll-secs", "With --model-control-mode=poll: seconds between two looks at the repositories.", Minimum = 1, Maximum = 86_400)]
    public TimeSpan RepositoryPollSecs { get; init; } = TimeSpan.FromSeconds(15);

    [Setting("--load-model", "With --model-control-mode=explicit: model to load at start; may be given more than once; * loads all.")]
    public IReadOnlyList<string> LoadModel { get; init; } = [];

    [Setting("--model-load-thread-count", "Most models loaded at once while serving.", Minimum = 1, Maximum = 1024)]
    public int ModelLoadThreadCount { get; init; } = 4;

    [Setting("--allow-load-override", "Whether a load request may bring a configuration and files of its own: whoever may send it decides what the server runs.")]
    public bool AllowLoadOverride { get; init; }

    [Setting("--gpu-memory-limit-byte-size", "Most memory that models may take together on each GPU, as BYTES, or on one, as DEVICE:BYTES; may be given more than once. One that would go beyond is not loaded. Without it: as much as there is.")]
    public IReadOnlyList<string> GpuMemoryLimitByteSize { get; init; } = [];

    [Setting("--rate-limit", "Whether instances wait for the resources that their groups name (rate_limiter in config.pbtxt), those that have had fewer batches by their priority first: execution_count; or not: off.")]
    public RateLimitMode RateLimit { get; init; }

    [Setting("--rate-limit-resource", "With --rate-limit=execution_count: how much there is of a resource, as NAME:COUNT for each device or NAME:COUNT:DEVICE; may be given more than once. Without any, as much of each as the instance needs that needs the most.")]
    public IReadOnlyList<string> RateLimitResource { get; init; } = [];

    [Setting("--http-restricted-api", "Groups of HTTP endpoints that ask for a header, as GROUP[,GROUP...]:HEADER=VALUE; may be given more than once. Groups: health, metadata, inference, shared-memory, model-config, model-repository, statistics, trace, logging. Frames are not HTTP: see --access-token, --allow-frames.")]
    public IReadOnlyList<string> HttpRestrictedApi { get; init; } = [];

    [Setting("--grpc-restricted-protocol", "Groups of gRPC methods that ask for metadata, as GROUP[,GROUP...]:KEY=VALUE, which clients send as triton-grpc-protocol-KEY; may be given more than once. Groups as for --http-restricted-api.")]
    public IReadOnlyList<string> GrpcRestrictedProtocol { get; init; } = [];

    [Setting("--allow-client-shm", "Whether clients on this machine may register POSIX shared memory, and memory of CUDA devices where there is a driver, to have tensors read from it and written to it: whoever may send requests can then read and overwrite every object under /dev/shm that the server's user can.")]
    public bool AllowClientShm { get; init; }

    // Triton's default is true. A broken model that stops the others from being served turns a small mistake into an outage.
    [Setting("--exit-on-error", "Whether to exit when a model cannot be loaded, instead of serving the others.")]
    public bool ExitOnError { get; init; }

    [Setting("--strict-readiness", "Whether the server is ready only when every model is; otherwise as soon as it has tried to load them.")]
    public bool StrictReadiness { get; init; } = true;

    [Setting("--exit-timeout-secs", "Seconds given to accepted requests when the server stops; 0 gives them none.", Maximum = 86_400)]
    public TimeSpan ExitTimeoutSecs { get; init; } = TimeSpan.FromSeconds(30);

    [Setting("--http-max-input-size", "Largest request body, in bytes, as sent and as decompressed.", Minimum = 1, Maximum = 1L << 30)]
    public long HttpMaxInputSize { get; init; } = 64L << 20;

    // Bounded, as everything is; a choice, not a measurement: a load balancer in front holds hundreds.
    [Setting("--http-max-connections", "Most HTTP connections open at once, and as many of gRPC; further ones are closed as they come.", Minimum = 1)]
    public int HttpMaxConnections { get; init; } = 10_000;

    // Triton's 256 MiB hold staging copies only. This pool holds every tensor on its way, and 16 bodies of the largest size should fit.
    [Setting("--pinned-memory-pool-byte-size", "Most bytes of tensors held at once, page-locked where the limits permit; at the ceiling requests are refused.", Minimum = 1L << 20, Maximum = 1L << 50)]
    public long PinnedMemoryPoolByteSize { get; init; } = 1L << 30;

    [Setting("--cache-config", "The response cache in Triton's words: local,size=BYTES; the same as --cache-memory-byte-size.")]
    public string? CacheConfig { get; init; }

    // A fiftieth of a small machine's memory; some 200,000 answers of a light model.
    [Setting("--cache-memory-byte-size", "Memory for the answers of models with a response_cache, in bytes; at least 1048576, or 0 for no cache.", Maximum = 1L << 40)]
    public long CacheMemoryByteSize { get; init; } = 64L << 20;

    [Setting("--cache-directory", "Folder for the answers that memory has no room for, and for those of the last start; without it they are kept in memory alone.")]
    public string? CacheDirectory { get; init; }

    [Setting("--cache-disk-byte-size", "Most bytes of answers in the cache's folder.", Minimum = 16L << 20, Maximum = 1L << 44)]
    public long CacheDiskByteSize { get; init; } = 1L << 30;

    [Setting("--feature-repository", "Folder with feature views, from which requests may have rows filled in: <view>/view.json.")]
    public string? FeatureRepository { get; init; }

    [Setting("--feature-directory", "Folder for the rows of feature views that memory has no room for, and for those of the last start; without it they are kept in memory alone.")]
    public string? FeatureDirectory { get; init; }

    [Setting("--proxy-config", "JSON file with what is proxied: a section ReverseProxy with routes and clusters, as appsettings.json may have too. It is read again when it changes.")]
    public string? ProxyConfig { get; init; }

    [Setting("--device-profile-cache", "Folder in which the run times measured of models on a GPU are kept from start to start; 'none' measures anew each time. Without it: gateway/profiles in the user's cache folder.")]
    public string? DeviceProfileCache { get; init; }

    [Setting("--onnxruntime-directory", "Folder with ONNX Runtime's library and, beside it, the files of its providers (CUDA, TensorRT). Without it: the library that lies with the program.")]
    public string? OnnxruntimeDirectory { get; init; }

    [Setting("--overflow-replica", "Another server that answers what this one cannot in time: http://10.0.0.2:8000, dns+http://name:8000 or srv+http://_service._proto.name for all that a name stands for, file:///path for a file of addresses. After a space, as in the file: weight=2, zone=a, grpc=8001 (its port for gRPC; gateways say it themselves). May be given more than once.")]
    public IReadOnlyList<string> OverflowReplica { get; init; } = [];

    [Setting("--overflow-cluster", "Name of a cluster in the proxy's configuration whose destinations are such gateways.")]
    public string? OverflowCluster { get; init; }

    [Setting("--overflow-zone", "Zone of this gateway: replicas of the same zone (zone=… in the file, Zone in a destination's metadata) are asked first.")]
    public string? OverflowZone { get; init; }

    // Found by simulation: what matters most comes with the answers; asking is for replicas that get nothing, and to notice that one is gone.
    [Setting("--overflow-poll-ms", "Milliseconds between two questions to a replica how loaded it is.", Minimum = 10, Maximum = 60_000)]
    public int OverflowPollMs { get; init; } = 100;

    [Setting("--server-timing", "Whether answers carry a Server-Timing header with the time spent in each stage.")]
    public bool ServerTiming { get; init; }

    [Setting("--trace-config", "Which requests are traced, in Triton's words: level=TIMESTAMPS, rate=N (one of N requests), count=N, triton,file=PATH, triton,log-frequency=N (traces a file); may be given more than once.")]
    public IReadOnlyList<string> TraceConfig { get; init; } = [];

    [Setting("--trace-directory", "Folder in which calls may have traces written, by the name of a file; without it they may only turn on and off what --trace-config names.")]
    public string? TraceDirectory { get; init; }

    [Setting("--log-verbose", "0 logs what an operator wants to know, 1 adds detail, 2 adds each request.", Maximum = 2)]
    public int LogVerbose { get; init; }

    [Setting("--log-format", "How log entries look on standard error.")]
    public LogFormat LogFormat { get; init; } = LogFormat.Default;

    /// <summary>The settings as the port for gRPC has them: its own certificate is the server's there.</summary>
    internal ServerOptions OfGrpc => GrpcServerCert is null ? this : this with { TlsCertificate = GrpcServerCert, TlsKey = GrpcServerKey };

    /// <summary>What is proxied; null for nothing. Sections of their own in the configuration, without flags.</summary>
    public ProxySettings? Proxy { get; init; }

    /// <summary>The tenants; null where there are none. A section of its own in the configuration, without flags.</summary>
    public TenantsOptions? Tenants { get; init; }
}
