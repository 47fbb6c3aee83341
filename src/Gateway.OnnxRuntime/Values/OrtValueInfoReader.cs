using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Native;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Values;

/// <summary>Reads the metadata of a session's inputs, outputs and overridable initializers.</summary>
internal static unsafe class OrtValueInfoReader
{
    public static OrtValueInfo[] ReadInputs(nint session) => Read(
        session, OrtLibrary.Api->SessionGetInputCount, OrtLibrary.Api->SessionGetInputName, OrtLibrary.Api->SessionGetInputTypeInfo);

    public static OrtValueInfo[] ReadOutputs(nint session) => Read(
        session, OrtLibrary.Api->SessionGetOutputCount, OrtLibrary.Api->SessionGetOutputName, OrtLibrary.Api->SessionGetOutputTypeInfo);

    public static OrtValueInfo[] ReadOverridableInitializers(nint session) => Read(
        session,
        OrtLibrary.Api->SessionGetOverridableInitializerCount,
        OrtLibrary.Api->SessionGetOverridableInitializerName,
        OrtLibrary.Api->SessionGetOverridableInitializerTypeInfo);

    private static OrtValueInfo[] Read(
        nint session,
        delegate* unmanaged<nint, nuint*, nint> getCount,
        delegate* unmanaged<nint, nuint, nint, byte**, nint> getName,
        delegate* unmanaged<nint, nuint, nint*, nint> getTypeInfo)
    {
        nuint count;
        OrtStatus.Check(getCount(session, &count));
        var all = new OrtValueInfo[count];
        for (nuint i = 0; i < count; i++)
        {
            byte* name;
            OrtStatus.Check(getName(session, i, OrtAllocator.Default.Native, &name));
            string text = NativeText.Take(name);
            nint typeInfo;
            OrtStatus.Check(getTypeInfo(session, i, &typeInfo));
            try
            {
                all[i] = Read(text, typeInfo);
            }
            finally
            {
                OrtLibrary.Api->ReleaseTypeInfo(typeInfo);
            }
        }

        return all;
    }

    private static OrtValueInfo Read(string name, nint typeInfo)
    {
        OrtValueKind kind;
        OrtStatus.Check(OrtLibrary.Api->GetOnnxTypeFromTypeInfo(typeInfo, &kind));
        if (kind != OrtValueKind.Tensor) return new OrtValueInfo(name, kind, DataType.Invalid, KindName(kind), null);

        // Part of typeInfo, and gone with it.
        nint tensorInfo;
        OrtStatus.Check(OrtLibrary.Api->CastTypeInfoToTensorInfo(typeInfo, &tensorInfo));
        int elementType;
        OrtStatus.Check(OrtLibrary.Api->GetTensorElementType(tensorInfo, &elementType));

        // Without this check an open number of dimensions looks like a scalar.
        OrtDimension[]? dimensions = OrtLibrary.Api->TensorTypeAndShapeHasShape(tensorInfo) != 0 ? ReadDimensions(tensorInfo) : null;
        return new OrtValueInfo(name, kind, ElementTypes.FromNative(elementType), ElementTypes.NameOf(elementType), dimensions);
    }

    private static OrtDimension[] ReadDimensions(nint tensorInfo)
    {
        nuint rank;
        OrtStatus.Check(OrtLibrary.Api->GetDimensionsCount(tensorInfo, &rank));
        if (rank == 0) return [];

        long[] sizes = new long[rank];
        nint[] names = new nint[rank];
        fixed (long* size = sizes)
        fixed (nint* name = names)
        {
            OrtStatus.Check(OrtLibrary.Api->GetDimensions(tensorInfo, size, rank));
            OrtStatus.Check(OrtLibrary.Api->GetSymbolicDimensions(tensorInfo, (byte**)name, rank));
        }

        var dimensions = new OrtDimension[rank];
        for (int i = 0; i < dimensions.Length; i++)
        {
            string? name = Marshal.PtrToStringUTF8(names[i]);
            dimensions[i] = new OrtDimension(sizes[i] < 0 ? -1 : sizes[i], string.IsNullOrEmpty(name) ? null : name);
        }

        return dimensions;
    }

    private static string KindName(OrtValueKind kind) => kind switch
    {
        OrtValueKind.Sequence => "sequence",
        OrtValueKind.Map => "map",
        OrtValueKind.SparseTensor => "sparse tensor",
        OrtValueKind.Optional => "optional",
        OrtValueKind.Opaque => "opaque value",
        _ => "value of unknown kind",
    };
}
