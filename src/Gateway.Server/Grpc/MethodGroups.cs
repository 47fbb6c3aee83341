using Gateway.Server.Grpc.Services;
using Gateway.Server.Hosting;

namespace Gateway.Server.Grpc;

/// <summary>Which methods are restricted together; as in Triton.</summary>
internal static class MethodGroups
{
    private const string InferencePath = $"/{InferenceService.Name}/";
    private const string HealthPath = $"/{HealthMethods.Service}/";

    /// <returns>Null for a method that cannot be restricted: reflection tells what everybody knows.</returns>
    public static ApiGroup? Of(string path)
    {
        if (path.StartsWith(HealthPath, StringComparison.Ordinal)) return ApiGroup.Health;
        if (!path.StartsWith(InferencePath, StringComparison.Ordinal)) return null;
        return path[InferencePath.Length..] switch
        {
            "ServerLive" or "ServerReady" or "ModelReady" => ApiGroup.Health,
            "ServerMetadata" or "ModelMetadata" => ApiGroup.Metadata,
            "ModelInfer" or "ModelStreamInfer" => ApiGroup.Inference,
            "ModelConfig" => ApiGroup.ModelConfig,
            "ModelStatistics" => ApiGroup.Statistics,
            "RepositoryIndex" or "RepositoryModelLoad" or "RepositoryModelUnload" => ApiGroup.ModelRepository,
            "TraceSetting" => ApiGroup.Trace,
            "LogSettings" => ApiGroup.Logging,
            string name when name.Contains("SharedMemory", StringComparison.Ordinal) => ApiGroup.SharedMemory,
            _ => null,
        };
    }
}
