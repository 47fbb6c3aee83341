using System.Net;

namespace Gateway.Server.Hosting;

/// <summary>Finds what is wrong with settings that are each well-formed: the ones that do not go together, and the ones not supported.</summary>
internal static class ServerOptionsValidator
{
    /// <returns>One line for each problem, naming the flag.</returns>
    public static IEnumerable<string> Validate(ServerOptions options)
    {
        if (options.GrpcPort is not null) yield return "--grpc-port: gRPC is not served yet (without the flag, HTTP is served alone)";
        if (options.FramesPort is not null) yield return "--frames-port: MessagePack frames are not served yet (without the flag, HTTP is served alone)";
        if (options.ModelControlMode != ModelControlMode.None)
        {
            yield return $"--model-control-mode: {options.ModelControlMode.ToString().ToLowerInvariant()} is not supported yet (allowed none)";
        }

        if (options.LoadModel.Count > 0)
        {
            yield return "--load-model: not supported yet (it belongs to --model-control-mode explicit; without it every model is loaded)";
        }

        if (options.AllowMetrics && options.HttpPort != 0 && options.HttpPort == options.MetricsPort && Overlap(options.HttpAddress, options.MetricsAddress ?? options.HttpAddress))
        {
            yield return $"--metrics-port: {options.MetricsPort} is the HTTP port too (allowed another, or 0)";
        }
    }

    private static bool Overlap(IPAddress one, IPAddress other) => one.Equals(other) || IsAny(one) || IsAny(other);

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
