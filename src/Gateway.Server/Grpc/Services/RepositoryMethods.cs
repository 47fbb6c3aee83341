using System.Globalization;
using System.Runtime.InteropServices;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Protocol;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.OpenInference;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Microsoft.Extensions.Logging;
using Kind = Gateway.Server.Grpc.Messages.ModelRepositoryParameter.ParameterChoiceOneofCase;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods of the model repository extension: what there is, loading and unloading.</summary>
internal static class RepositoryMethods
{
    /// <param name="control">What loads and unloads; null where there is no repository.</param>
    public static IEnumerable<GrpcMethod> Make(ModelCatalog catalog, IModelControl? control, GrpcOptions options, ILogger logger)
    {
        yield return new UnaryMethod<RepositoryIndexRequest, RepositoryIndexResponse>(InferenceService.Path("RepositoryIndex"), RepositoryIndexRequest.Parser, request => Index(catalog, control, request), logger);
        yield return new UnaryMethod<RepositoryModelLoadRequest, RepositoryModelLoadResponse>(
            InferenceService.Path("RepositoryModelLoad"), RepositoryModelLoadRequest.Parser, request => LoadAsync(control, request), logger)
        { MostBytes = options.MaxLoadBytes, Large = new LargeLoads() };
        yield return new UnaryMethod<RepositoryModelUnloadRequest, RepositoryModelUnloadResponse>(
            InferenceService.Path("RepositoryModelUnload"), RepositoryModelUnloadRequest.Parser, request => UnloadAsync(control, request), logger);
    }

    private static RepositoryIndexResponse Index(ModelCatalog catalog, IModelControl? control, RepositoryIndexRequest request)
    {
        if (request.RepositoryName.Length > 0) throw NoRepositoryNames();
        IEnumerable<ModelStatus> index = control?.Index(request.Ready) ?? catalog.Index.Where(status => !request.Ready || status.State == ModelState.Ready);
        return new RepositoryIndexResponse { Models = { index.Select(Describe) } };
    }

    private static async Task<RepositoryModelLoadResponse> LoadAsync(IModelControl? control, RepositoryModelLoadRequest request)
    {
        string model = NameOf(request.RepositoryName, request.ModelName);
        await OrNone(control).LoadAsync(model, Given(model, request.Parameters)).ConfigureAwait(false);
        return new RepositoryModelLoadResponse();
    }

    private static async Task<RepositoryModelUnloadResponse> UnloadAsync(IModelControl? control, RepositoryModelUnloadRequest request)
    {
        string model = NameOf(request.RepositoryName, request.ModelName);
        foreach ((string key, ModelRepositoryParameter value) in request.Parameters)
        {
            // No model here depends on another: it says nothing.
            if (key == "unload_dependents" && value.ParameterChoiceCase != Kind.BoolParam) throw Errors.Invalid("invalid value type for 'unload_dependents' parameter, expected bool_param.");
        }

        await OrNone(control).UnloadAsync(model).ConfigureAwait(false);
        return new RepositoryModelUnloadResponse();
    }

    private static LoadOverride? Given(string model, MapField<string, ModelRepositoryParameter> parameters)
    {
        string? config = null;
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        foreach ((string key, ModelRepositoryParameter value) in parameters)
        {
            if (key == "config")
            {
                config = value.ParameterChoiceCase == Kind.StringParam ? value.StringParam : throw NotOf(key, "string_param");
            }
            else if (key.StartsWith(LoadRequest.FilePrefix, StringComparison.Ordinal))
            {
                files.Add(key[LoadRequest.FilePrefix.Length..], value.ParameterChoiceCase == Kind.BytesParam ? BytesOf(value.BytesParam) : throw NotOf(key, "bytes_param"));
            }
            else
            {
                throw Errors.Invalid($"unrecognized load parameter '{key}'.");
            }
        }

        return LoadRequest.Given(model, config, files);
    }

    /// <summary>What was received, uncopied where it has an array to itself: nobody else writes to it.</summary>
    private static byte[] BytesOf(ByteString bytes) =>
        MemoryMarshal.TryGetArray(bytes.Memory, out ArraySegment<byte> whole) && whole.Array!.Length == bytes.Length ? whole.Array : bytes.ToByteArray();

    private static RepositoryIndexResponse.Types.ModelIndex Describe(ModelStatus status) => new()
    {
        Name = status.Name,
        Version = status.Version == 0 ? "" : status.Version.ToString(CultureInfo.InvariantCulture),
        State = status.State == ModelState.Unknown ? "" : status.State.ToString().ToUpperInvariant(),
        Reason = status.Reason,
    };

    /// <remarks>A client by KServe's own protocol has the model's name where Triton's has the repository's, and no other.</remarks>
    private static string NameOf(string repository, string model)
    {
        if (model.Length == 0) return repository;
        return repository.Length == 0 ? model : throw NoRepositoryNames();
    }

    private static IModelControl OrNone(IModelControl? control) => control ?? throw Errors.Unsupported("this server has no model repository");

    private static InferenceException NotOf(string key, string kind) => Errors.Invalid($"invalid value type for load parameter '{key}', expected {kind}.");

    private static InferenceException NoRepositoryNames() => Errors.Unsupported("'repository_name' specification is not supported");
}
