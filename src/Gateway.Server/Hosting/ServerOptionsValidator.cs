using System.Net;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Models.Repository;
using Gateway.Core.Scheduling.Resources;
using Gateway.Server.Overflow;

namespace Gateway.Server.Hosting;

/// <summary>Finds what is wrong with settings that are each well-formed: the ones that do not go together, and the ones not supported.</summary>
internal static class ServerOptionsValidator
{
    /// <returns>One line for each problem, naming the flag.</returns>
    public static IEnumerable<string> Validate(ServerOptions options)
    {
        if (options.LoadModel.Count > 0 && options.ModelControlMode != ModelControlMode.Explicit)
        {
            yield return "--load-model: needs --model-control-mode=explicit (in other modes every model is loaded)";
        }

        if (options.LoadModel.Contains(RepositoryOptions.EveryModel) && options.LoadModel.Count > 1)
        {
            yield return "--load-model: '*' is every model, and must be the only one that is given";
        }

        if (options.AllowLoadOverride && options.ModelControlMode != ModelControlMode.Explicit)
        {
            yield return "--allow-load-override: needs --model-control-mode=explicit (in other modes nothing is loaded on request)";
        }

        if (RestrictedAccess.Parse(options.HttpRestrictedApi, "", out _) is { } mistake) yield return $"--http-restricted-api: {mistake}";
        if (RestrictedAccess.Parse(options.GrpcRestrictedProtocol, RestrictedAccess.GrpcPrefix, out _) is { } other) yield return $"--grpc-restricted-protocol: {other}";
        if (ResourceCounts.Parse(options.RateLimitResource, out _) is { } unread) yield return $"--rate-limit-resource: {unread}";
        if (DeviceMemoryLimits.Parse(options.GpuMemoryLimitByteSize, out _) is { } unclear) yield return $"--gpu-memory-limit-byte-size: {unclear}";
        if (TraceSetup.Parse(options.TraceConfig, options.TraceDirectory, out _) is { } wrong) yield return $"--trace-config: {wrong}";
        if (options.TlsKey is not null && options.TlsCertificate is null) yield return "--tls-key: there is no certificate that it belongs to (see --tls-certificate)";
        if (options.GrpcUseSsl && options.GrpcServerCert is null && options.TlsCertificate is null) yield return "--grpc-use-ssl: there is no certificate (see --grpc-server-cert)";
        if (!options.GrpcUseSsl && options.GrpcServerCert is not null) yield return "--grpc-server-cert: needs --grpc-use-ssl=true";
        if (options.GrpcServerKey is not null && options.GrpcServerCert is null) yield return "--grpc-server-key: there is no certificate that it belongs to (see --grpc-server-cert)";
        if (options.CacheConfig is { } cache && CacheSettings.Problem(cache) is { } problem) yield return $"--cache-config: {problem}";
        if (options.CacheMemoryByteSize is > 0 and < CacheSettings.LeastBytes) yield return $"--cache-memory-byte-size: {options.CacheMemoryByteSize} is too little (allowed 0, or at least {CacheSettings.LeastBytes})";
        foreach (string replica in options.OverflowReplica)
        {
            if (ReplicaSetup.Parse(replica, out _, out _) is { } mistaken) yield return $"--overflow-replica: {mistaken}";
        }

        IPEndPoint http = new(options.HttpAddress, options.HttpPort);
        IPEndPoint? frames = options.AllowFrames ? new(options.FramesAddress ?? options.HttpAddress, options.FramesPort) : null;
        IPEndPoint? metrics = options.AllowMetrics ? new(options.MetricsAddress ?? options.HttpAddress, options.MetricsPort) : null;
        IPEndPoint? grpc = options.AllowGrpc ? new(options.GrpcAddress ?? options.HttpAddress, options.GrpcPort) : null;
        if (Overlap(grpc, http)) yield return $"--grpc-port: {options.GrpcPort} is the HTTP port too (allowed another, or 0)";
        if (Overlap(grpc, frames)) yield return $"--grpc-port: {options.GrpcPort} is the port for frames too (allowed another, or 0)";
        if (Overlap(grpc, metrics)) yield return $"--grpc-port: {options.GrpcPort} is the port for metrics too (allowed another, or 0)";
        if (Overlap(frames, http)) yield return $"--frames-port: {options.FramesPort} is the HTTP port too (allowed another, or 0)";
        if (Overlap(metrics, http)) yield return $"--metrics-port: {options.MetricsPort} is the HTTP port too (allowed another, or 0)";
        if (Overlap(metrics, frames)) yield return $"--metrics-port: {options.MetricsPort} is the port for frames too (allowed another, or 0)";
    }

    private static bool Overlap(IPEndPoint? one, IPEndPoint? other) =>
        one is not null && other is not null && one.Port != 0 && one.Port == other.Port
        && (one.Address.Equals(other.Address) || IsAny(one.Address) || IsAny(other.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
