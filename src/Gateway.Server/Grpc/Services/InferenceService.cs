using System.Text;
using Gateway.Core.Models;
using Gateway.Server.Grpc.Inference;

namespace Gateway.Server.Grpc.Services;

/// <summary>The inference service's name, and how its messages name models.</summary>
internal static class InferenceService
{
    public const string Name = "inference.GRPCInferenceService";

    public static string Path(string method) => $"/{Name}/{method}";

    /// <exception cref="Protocol.InferenceException">There is no such model, or it is not ready, or the version is none.</exception>
    public static ServedModel Find(ModelCatalog catalog, string name, string version) => catalog.Find(name.AsSpan(), InferFill.Version(Encoding.UTF8.GetBytes(version)));
}
