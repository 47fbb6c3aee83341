using System.Globalization;
using Gateway.Core.Models;
using Gateway.Protocol;
using Gateway.Server.Grpc.Messages;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods of the model repository extension.</summary>
/// <remarks>Models are loaded at start and stay: loading and unloading are refused as Triton refuses them in that mode.</remarks>
internal static class RepositoryMethods
{
    private const string NotExplicit = "explicit model load / unload is not allowed if polling is enabled";

    public static IEnumerable<GrpcMethod> Make(ModelCatalog catalog, ILogger logger)
    {
        yield return new UnaryMethod<RepositoryIndexRequest, RepositoryIndexResponse>(InferenceService.Path("RepositoryIndex"), RepositoryIndexRequest.Parser, request => Index(catalog, request), logger);
        yield return new UnaryMethod<RepositoryModelLoadRequest, RepositoryModelLoadResponse>(
            InferenceService.Path("RepositoryModelLoad"), RepositoryModelLoadRequest.Parser, request => throw Refuse(request.RepositoryName, request.ModelName), logger);
        yield return new UnaryMethod<RepositoryModelUnloadRequest, RepositoryModelUnloadResponse>(
            InferenceService.Path("RepositoryModelUnload"), RepositoryModelUnloadRequest.Parser, request => throw Refuse(request.RepositoryName, request.ModelName), logger);
    }

    private static RepositoryIndexResponse Index(ModelCatalog catalog, RepositoryIndexRequest request)
    {
        if (request.RepositoryName.Length > 0) throw NoRepositoryNames();
        return new RepositoryIndexResponse { Models = { catalog.Index.Where(status => !request.Ready || status.State == ModelState.Ready).Select(Describe) } };
    }

    private static RepositoryIndexResponse.Types.ModelIndex Describe(ModelStatus status) => new()
    {
        Name = status.Name,
        Version = status.Version == 0 ? "" : status.Version.ToString(CultureInfo.InvariantCulture),
        State = status.State == ModelState.Unknown ? "" : status.State.ToString().ToUpperInvariant(),
        Reason = status.Reason,
    };

    /// <remarks>A client by KServe's own protocol has the model's name where Triton's has the repository's, and no other.</remarks>
    private static InferenceException Refuse(string repository, string model) =>
        repository.Length > 0 && model.Length > 0 ? NoRepositoryNames() : new InferenceException(StatusCode.Unavailable, NotExplicit);

    private static InferenceException NoRepositoryNames() => new(StatusCode.Unsupported, "'repository_name' specification is not supported");
}
