using System.Globalization;
using System.Text;
using System.Text.Json;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods about one model: whether it is ready, what it takes and gives, how it is configured.</summary>
internal static class ModelMethods
{
    // What this server adds to configurations has no field in Triton's message.
    private static readonly JsonParser ConfigParser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    public static IEnumerable<GrpcMethod> Make(ModelCatalog catalog, ILogger logger)
    {
        yield return new UnaryMethod<ModelReadyRequest, ModelReadyResponse>(InferenceService.Path("ModelReady"), ModelReadyRequest.Parser, request => Ready(catalog, request), logger);
        yield return new UnaryMethod<ModelMetadataRequest, ModelMetadataResponse>(InferenceService.Path("ModelMetadata"), ModelMetadataRequest.Parser, request => Metadata(catalog, request), logger);
        yield return new UnaryMethod<ModelConfigRequest, ModelConfigResponse>(InferenceService.Path("ModelConfig"), ModelConfigRequest.Parser, request => Config(catalog, request), logger);
    }

    /// <summary>A model that is unknown, or not ready, is not: clients poll this while they wait for one to appear.</summary>
    private static ModelReadyResponse Ready(ModelCatalog catalog, ModelReadyRequest request)
    {
        long version = InferFill.Version(Encoding.UTF8.GetBytes(request.Version));
        return new ModelReadyResponse { Ready = catalog.IsReady(request.Name, version) == true };
    }

    private static ModelMetadataResponse Metadata(ModelCatalog catalog, ModelMetadataRequest request)
    {
        ServedModel model = InferenceService.Find(catalog, request.Name, request.Version);
        IReadOnlyList<ServedModel> versions = request.Version.Length > 0 ? [model] : catalog.ReadyVersions(model.Name);
        return new ModelMetadataResponse
        {
            Name = model.Name,
            Platform = model.Config.Platform.Length > 0 ? model.Config.Platform : model.Config.Backend,
            Versions = { versions.Select(version => version.Version.ToString(CultureInfo.InvariantCulture)) },
            Inputs = { model.Inputs.Select(spec => Describe(spec, model.Layout.IsBatching)) },
            Outputs = { model.Outputs.Select(spec => Describe(spec, model.Layout.IsBatching)) },
        };
    }

    private static ModelMetadataResponse.Types.TensorMetadata Describe(TensorSpec spec, bool isBatching)
    {
        ModelMetadataResponse.Types.TensorMetadata tensor = new() { Name = spec.Name, Datatype = spec.DataType.WireName() };
        if (isBatching) tensor.Shape.Add(-1);
        foreach (long dimension in spec.ClientDims.Dims) tensor.Shape.Add(dimension);
        return tensor;
    }

    /// <summary>The message is read from the JSON that HTTP answers: what a configuration has is written down once.</summary>
    private static ModelConfigResponse Config(ModelCatalog catalog, ModelConfigRequest request)
    {
        ServedModel model = InferenceService.Find(catalog, request.Name, request.Version);
        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text)) ModelConfigJson.Write(json, model.Config);
        return new ModelConfigResponse { Config = ConfigParser.Parse<Messages.ModelConfig>(Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length)) };
    }
}
