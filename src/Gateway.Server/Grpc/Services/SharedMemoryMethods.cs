using Gateway.Core.Memory.Shared;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.OpenInference;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using SystemStatus = Gateway.Server.Grpc.Messages.SystemSharedMemoryStatusResponse.Types.RegionStatus;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods of the shared memory extensions: that of the system is served, that of CUDA is known, and refused.</summary>
internal static class SharedMemoryMethods
{
    public static IEnumerable<GrpcMethod> Make(SharedRegions regions, ILogger logger)
    {
        SharedFamilies families = new(regions);
        yield return Of("SystemSharedMemoryStatus", SystemSharedMemoryStatusRequest.Parser, request => Status(families.System(request.Name)), logger);
        yield return Of(
            "SystemSharedMemoryRegister",
            SystemSharedMemoryRegisterRequest.Parser,
            request =>
            {
                regions.Register(request.Name, request.Key, request.Offset, request.ByteSize);
                return new SystemSharedMemoryRegisterResponse();
            },
            logger);
        yield return Of(
            "SystemSharedMemoryUnregister",
            SystemSharedMemoryUnregisterRequest.Parser,
            request =>
            {
                families.Unregister(request.Name);
                return new SystemSharedMemoryUnregisterResponse();
            },
            logger);
        yield return Of(
            "CudaSharedMemoryStatus",
            CudaSharedMemoryStatusRequest.Parser,
            request =>
            {
                families.CheckCuda(request.Name);
                return new CudaSharedMemoryStatusResponse();
            },
            logger);
        yield return Of("CudaSharedMemoryRegister", CudaSharedMemoryRegisterRequest.Parser, CudaSharedMemoryRegisterResponse (request) => throw families.NoCuda(request.Name), logger);
        yield return Of(
            "CudaSharedMemoryUnregister",
            CudaSharedMemoryUnregisterRequest.Parser,
            _ =>
            {
                regions.CheckAllowed();
                return new CudaSharedMemoryUnregisterResponse();
            },
            logger);
    }

    private static SystemSharedMemoryStatusResponse Status(IReadOnlyList<SharedRegion> regions)
    {
        SystemSharedMemoryStatusResponse response = new();
        foreach (SharedRegion region in regions)
        {
            response.Regions[region.Name] = new SystemStatus { Name = region.Name, Key = region.Key, Offset = (ulong)region.Offset, ByteSize = (ulong)region.Bytes };
        }

        return response;
    }

    private static UnaryMethod<TRequest, TResponse> Of<TRequest, TResponse>(string method, MessageParser<TRequest> parser, Func<TRequest, TResponse> answer, ILogger logger)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> => new(InferenceService.Path(method), parser, answer, logger);
}
